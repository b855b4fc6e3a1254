"""Checks rendered manifests against schemas: validate.py KUBERNETES_VERSION KEDA_CRD_FOLDER < manifests

Kubernetes' own kinds against its published schemas (the package kubernetes-validate carries them), KEDA's against its
custom resource definitions; both strictly: a field that no schema knows is an error.
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
            # Kubernetes itself knows what is in here.
            schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            name = f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]
            found[name] = closed(schema)
    return found


def main():
    version, folder = sys.argv[1:]
    custom = definitions(folder)
    wrong, checked = [], []
    for document in filter(None, yaml.safe_load_all(sys.stdin)):
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
    for line in wrong:
        print(line)
    print(f"{len(checked)} manifests are as Kubernetes {version} and KEDA want them, {len(wrong)} are not")
    sys.exit(1 if wrong or not checked else 0)


main()
