"""Puts every query of the dashboard to a Prometheus that reads workers: ask.py PROMETHEUS DASHBOARD TARGETS

Exit code 0 when TARGETS workers answer it, every query is understood and finds something, and every alert rule is well.
"""
import json
import sys
import urllib.parse
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url):
    try:
        with OPENER.open(url, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def main():
    prometheus, dashboard, targets = sys.argv[1:]
    wrong = []
    active = ask(f"{prometheus}/api/v1/targets?state=active")["data"]["activeTargets"]
    up = [target for target in active if target["health"] == "up"]
    if len(up) != int(targets):
        wrong.append(f"{len(up)} of {len(active)} workers answer Prometheus; {targets} are wanted")
    with open(dashboard, encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    asked = 0
    for panel in panels:
        for target in panel.get("targets", []):
            asked += 1
            query = urllib.parse.urlencode({"query": target["expr"]})
            answer = ask(f"{prometheus}/api/v1/query?{query}")
            if answer["status"] != "success":
                wrong.append(f"{panel['title']}: {answer.get('error')}: {target['expr']}")
            elif not answer["data"]["result"]:
                wrong.append(f"{panel['title']}: finds nothing: {target['expr']}")
    rules = [rule for group in ask(f"{prometheus}/api/v1/rules")["data"]["groups"] for rule in group["rules"]]
    wrong += [f"rule {rule['name']}: {rule['health']} {rule.get('lastError', '')}" for rule in rules if rule["health"] != "ok"]
    print(f"{len(up)} workers read, {asked} queries asked, {len(rules)} alert rules, {len(wrong)} wrong")
    for line in wrong:
        print(f"  {line}")
    sys.exit(1 if wrong or not asked or not rules else 0)


main()
