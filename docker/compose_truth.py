"""Puts the index beside the truth of a simulated account and Opencast: compose_truth.py STORE ZOOM OPENCAST DATE...

Exit code 0 when every meeting, session and user action of the dates is in the index, no other one is, and no call was
over the quota.
"""
import datetime
import json
import sys
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with OPENER.open(request, timeout=60) as answer:
        return json.load(answer)


def ids_of(store, kind):
    ask(f"{store}/{kind}-*/_refresh")
    found = []
    page = ask(f"{store}/{kind}-*/_search?scroll=1m", {"size": 5000, "_source": False, "sort": ["_doc"]})
    while page["hits"]["hits"]:
        found.extend(hit["_id"] for hit in page["hits"]["hits"])
        page = ask(f"{store}/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
    return found


def day_after(date):
    return (datetime.date.fromisoformat(date) + datetime.timedelta(days=1)).isoformat()


def main():
    store, simulator, lectures, *dates = sys.argv[1:]
    truth = {"meetings": set(), "sessions": set(), "useractions": set()}
    for date in dates:
        day = ask(f"{simulator}/_truth?date={date}")
        truth["meetings"].update(day["meeting_uuids"])
        truth["sessions"].update(day["session_ids"])
        day = ask(f"{lectures}/_truth?date={date}")
        truth["useractions"].update(map(str, day["action_ids"]))
    # The fork's windows hold both of their ends: the first of the day after may come along.
    midnight = set(map(str, ask(f"{lectures}/_truth?date={day_after(dates[-1])}")["action_ids"][:1]))
    ok = True
    for kind, wanted in truth.items():
        found = ids_of(store, kind)
        held = set(found)
        if kind == "useractions":
            held -= midnight
            found = [id for id in found if id in held]
        print(f"{kind}: {len(held)} in the index, {len(wanted)} in truth; "
              f"{len(wanted - held)} missing, {len(held - wanted)} unexpected, {len(found) - len(held)} doubled")
        ok = ok and held == wanted and wanted and len(found) == len(held)
    ledger = ask(f"{simulator}/_ledger?summary=true")
    print(f"calls: {json.dumps(ledger['calls'])}, {ledger['over']} over quota")
    for call in ledger["first_over"]:
        print(f"over: a {call['class']} call {(call['at_us'] - ledger['first_us']) / 1e6:.3f} s after the first call")
    sys.exit(0 if ok and ledger["over"] == 0 else 1)


main()
