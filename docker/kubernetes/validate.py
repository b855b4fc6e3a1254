"""Checks rendered manifests against schemas: validate.py KUBERNETES_VERSION KEDA_CRD_FOLDER < manifests

Kubernetes' own kinds against its published schemas (the package kubernetes-validate carries them), KEDA's against its
custom resource definitions; both strictly: a field that no schema knows is an error. Then the manifests against each
other: what refers to workers finds them, and nobody is killed in its grace.
"""
import copy
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml


def closed(schema):
    """The schema, with every object refusing what it does not name."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            closed(value)
    elif isinstance(schema, list):
        for value in schema:
            closed(value)
    return schema


def definitions(folder):
    found = {}
    for path in pathlib.Path(folder).glob("*.yaml"):
        crd = yaml.safe_load(path.read_text())
        if not crd or crd.get("kind") != "CustomResourceDefinition":
            continue
        for version in crd["spec"]["versions"]:
            schema = copy.deepcopy(version["schema"]["openAPIV3Schema"])
            # Kubernetes defines the fields of metadata.
            schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            name = f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]
            found[name] = closed(schema)
    return found


def covers(selector, labels):
    return selector.items() <= labels.items()


def deployed(deployment):
    """What is wrong with a Deployment of workers, whatever its schema says."""
    spec = deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]
    words = container["args"]
    if "--grace" in words:
        grace = int(words[words.index("--grace") + 1].removesuffix("s"))
        if spec.get("terminationGracePeriodSeconds", 30) < grace + 10:
            yield f"is killed before its grace of {grace} s is over"
    elif words[0] == "work":
        yield "has no --grace"
    for probe in "livenessProbe", "readinessProbe":
        port = container.get(probe, {}).get("httpGet", {}).get("port")
        if port not in [port["name"] for port in container.get("ports", [])]:
            yield f"has no {probe} at a port of its own"
    if not covers(deployment["spec"]["selector"]["matchLabels"], deployment["spec"]["template"]["metadata"]["labels"]):
        yield "does not select its own pods"


def referring(document, deployments):
    """What a document that is about workers refers to and does not find."""
    pods = [deployment["spec"]["template"]["metadata"]["labels"] for deployment in deployments.values()]
    kind, spec = document["kind"], document.get("spec", {})
    if kind == "ScaledObject" and spec["scaleTargetRef"]["name"] not in deployments:
        yield f"scales {spec['scaleTargetRef']['name']}, which is not there"
    selector = {
        "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
        "NetworkPolicy": lambda: spec["podSelector"].get("matchLabels", {}),
        "Service": lambda: spec["selector"],
    }.get(kind)
    if selector and not any(covers(selector(), labels) for labels in pods):
        yield "selects no pod"


def together(documents):
    deployments = {document["metadata"]["name"]: document for document in documents if document["kind"] == "Deployment"}
    for document in documents:
        found = deployed(document) if document["kind"] == "Deployment" else referring(document, deployments)
        for why in found:
            yield f"{document['kind']} {document['metadata']['name']} {why}"


def main():
    version, folder = sys.argv[1:]
    custom = definitions(folder)
    wrong, checked = [], []
    documents = list(filter(None, yaml.safe_load_all(sys.stdin)))
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        schema = custom.get((document["apiVersion"], document["kind"]))
        try:
            if schema is None:
                kubernetes_validate.validate(document, version, strict=True)
            else:
                jsonschema.Draft7Validator(schema).validate(document)
            checked.append(name)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError, jsonschema.ValidationError) as error:
            wrong.append(f"{name}: {getattr(error, 'message', error)}")
    wrong.extend(together(documents) if not wrong else [])
    for line in wrong:
        print(line)
    print(f"{len(checked)} manifests are as Kubernetes {version} and KEDA want them, {len(wrong)} are not")
    sys.exit(1 if wrong or not checked else 0)


main()
