#!/usr/bin/env python3
"""That the kustomize base and the overlays render, and that what depends on the server agrees with it.

  deploy.py [ROOT]
"""

import json
import pathlib
import re
import subprocess
import sys

import yaml

# What the server takes beyond the stop timeout: the grace of handlers and the last outcomes.
MARGIN_SECONDS = 15


def kubectl_minor():
    done = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True)
    return int(re.sub(r"\D", "", json.loads(done.stdout)["clientVersion"]["minor"]) or 0)


def render(folder):
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"deploy: {folder} does not render: {done.stderr.strip()}")
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    return {document["kind"]: document for document in documents}


def check(where, objects, configuration):
    """Every fault of one rendering."""
    faults = [f"{kind} is missing" for kind in ("ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "ServiceAccount") if kind not in objects]
    if faults:
        return [f"{where}: {fault}" for fault in faults]
    template = objects["Deployment"]["spec"]["template"]
    pod = template["spec"]
    container = pod["containers"][0]
    settings = objects["ConfigMap"]["data"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    def expect(condition, fault):
        if not condition:
            faults.append(fault)

    stop_seconds = int(settings["MILLRACE_GRACEFUL_SHUTDOWN_TIMEOUT_MS"]) / 1000
    expect(pod["terminationGracePeriodSeconds"] >= stop_seconds + MARGIN_SECONDS, "the termination grace is not longer than the stop timeout and its margin")
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        expect(container[probe]["httpGet"] == {"path": path, "port": "metrics"}, f"the {probe} is not {path} on the metrics port")
    for name, setting in (("grpc", "MILLRACE_LISTEN"), ("metrics", "MILLRACE_METRICS_LISTEN")):
        expect(settings[setting] == f"0.0.0.0:{ports[name]}", f"{setting} is not the port {name} on all addresses")
        expect(f"127.0.0.1:{ports[name]}" in configuration, f"the port {name} is not the default of docs/configuration.md")
    for port in objects["Service"]["spec"]["ports"]:
        expect(ports.get(port["targetPort"]) == port["port"], f"the Service's port {port['name']} is not the container's")
    expect(template["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"]), "Prometheus is sent to another port")

    labels = template["metadata"]["labels"].items()
    for kind, selector in (("Service", objects["Service"]["spec"]["selector"]), ("PodDisruptionBudget", objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"])):
        expect(selector.items() <= labels, f"the {kind} selects other pods")
    expect(pod["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"], "the pods have another ServiceAccount")
    expect(container["envFrom"][0]["configMapRef"]["name"] == objects["ConfigMap"]["metadata"]["name"], "the settings come from another ConfigMap")

    database = {variable["name"]: variable for variable in container["env"]}["DATABASE_URL"]
    expect("secretKeyRef" in database.get("valueFrom", {}), "DATABASE_URL does not come from a Secret")
    security = container["securityContext"]
    expect(pod["securityContext"]["runAsNonRoot"] is True, "the pod may run as root")
    expect(security["readOnlyRootFilesystem"] is True and security["allowPrivilegeEscalation"] is False, "the container may write to its root or gain rights")
    expect(security["capabilities"] == {"drop": ["ALL"]}, "the container keeps capabilities")
    variables = list(settings) + [variable["name"] for variable in container["env"]]
    for name in variables:
        expect(f"`{name}`" in configuration, f"{name} is no setting of docs/configuration.md")
    return [f"{where}: {fault}" for fault in faults]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    configuration = (root / "docs/configuration.md").read_text()
    folders = [root / "deploy/kubernetes/base"]
    # kubectl before 1.21 carries a kustomize of 2019, which renders no overlay of a folder.
    if kubectl_minor() >= 21:
        folders += sorted((root / "deploy/kubernetes/overlays").iterdir())
    faults = []
    for folder in folders:
        faults += check(folder.relative_to(root), render(folder), configuration)
    for fault in faults:
        print(fault)
    print(f"deploy: {len(folders)} renderings, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
