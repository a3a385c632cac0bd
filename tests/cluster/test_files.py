"""Every cluster file against the checks that `ray up` makes of it, and against what graft needs of it.

For Kubernetes there is no schema in Ray: what is checked is the shape that KubeRay's resources have (fields of release
1.7), that the parts refer to each other, and that versions, GPUs and the token are as for the others.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]
LAUNCHED = ["cluster.yaml", "cluster/aws.yaml", "cluster/gcp.yaml"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

CLUSTER_FIELDS = {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs", "enableInTreeAutoscaling"}
GROUP_FIELDS = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
JOB_FIELDS = {"clusterSelector", "entrypoint", "backoffLimit", "submissionMode", "runtimeEnvYAML"}


def read(file: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / file).read_text())


@pytest.mark.parametrize("file", LAUNCHED)
def test_ray_up_accepts_it(file: str) -> None:
    prepared = prepare_config(read(file))
    validate_config(prepared)
    assert prepared["available_node_types"]


@pytest.mark.parametrize("file", LAUNCHED)
@pytest.mark.parametrize(
    ("where", "what"), [("worker_setup_command", []), ("upscaling_speed", "fast"), ("auth", {"user": 1})]
)
def test_what_ray_up_would_refuse_is_refused_here(file: str, where: str, what: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate_config(prepare_config(read(file) | {where: what}))


@pytest.mark.parametrize("file", LAUNCHED)
def test_all_of_graft_is_installed_on_every_node(file: str) -> None:
    mounts = read(file)["file_mounts"]
    rooms = {"graft", *(room.name for room in (ROOT / "graft").iterdir() if room.is_symlink())}
    needed = rooms | {"pyproject.toml", PROJECT["project"]["readme"]}
    assert {f"~/graft/{name}": name for name in needed} | {"~/.ray/auth_token": "~/.ray/auth_token"} == mounts
    assert all((ROOT / name).exists() for name in needed)
    assert any("--editable ~/graft" in command for command in read(file)["setup_commands"])


@pytest.mark.parametrize("file", LAUNCHED)
def test_ray_starts_with_a_token_and_without_a_dashboard(file: str) -> None:
    prepared = read(file)
    for commands in (prepared["head_start_ray_commands"], prepared["worker_start_ray_commands"]):
        starts = [command for command in commands if "ray start" in command]
        assert starts and all("RAY_AUTH_MODE=token" in command for command in starts)
    assert "--include-dashboard=false" in prepared["head_start_ray_commands"][-1]
    assert "--port=6379" in prepared["head_start_ray_commands"][-1]  # where graft.cluster.connect looks for it


@pytest.mark.parametrize("file", [*LAUNCHED, "cluster/kubernetes.yaml"])
def test_no_secret_and_no_open_mlflow(file: str) -> None:
    text = (ROOT / file).read_text()
    assert not re.search(r"(?i)(password|secret_key|auth_token)\s*[:=]\s*['\"]?[A-Za-z0-9]{8,}", text)
    if "kubernetes" not in file:
        assert "0.0.0.0" not in text and text.count("mlflow server") == text.count("--host 127.0.0.1")


@pytest.mark.parametrize("file", ["cluster/aws.yaml", "cluster/gcp.yaml"])
def test_clouds_train_on_spot_workers_and_search_on_a_head_that_stays(file: str) -> None:
    prepared = read(file)
    head, worker = (prepared["available_node_types"][kind] for kind in ("head", "worker"))
    spot = re.compile(r"'MarketType': 'spot'|'preemptible': True")
    assert spot.search(str(worker)) and not spot.search(str(head))
    assert head["resources"] == {"CPU": 0}
    assert worker["min_workers"] == worker["max_workers"] == prepared["max_workers"]
    assert any("/shared" in command and "mount" in command for command in prepared["setup_commands"])


@pytest.fixture(scope="module")
def kubernetes() -> dict[str, dict[str, Any]]:
    found = list(yaml.safe_load_all((ROOT / "cluster/kubernetes.yaml").read_text()))
    assert all(set(one) == {"apiVersion", "kind", "metadata", "spec"} for one in found)
    assert len({one["kind"] for one in found}) == len(found)
    return {one["kind"]: one for one in found}


def test_kuberay_has_these_fields(kubernetes: dict[str, Any]) -> None:
    cluster, job = kubernetes["RayCluster"], kubernetes["RayJob"]
    assert cluster["apiVersion"] == job["apiVersion"] == "ray.io/v1"
    assert set(cluster["spec"]) <= CLUSTER_FIELDS and set(job["spec"]) <= JOB_FIELDS
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    for group in (cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]):
        assert set(group) <= GROUP_FIELDS
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    assert job["spec"]["entrypoint"].startswith("graft run ")
    # KubeRay's ValidateRayJobSpec: "BackoffLimit is incompatible with ClusterSelector mode".
    assert job["spec"]["backoffLimit"] == 0


def test_kubernetes_parts_fit_each_other(kubernetes: dict[str, Any]) -> None:
    spec = kubernetes["RayCluster"]["spec"]
    pods = [spec["headGroupSpec"]["template"], *(group["template"] for group in spec["workerGroupSpecs"])]
    pods.append(kubernetes["Deployment"]["spec"]["template"])
    for pod in pods:
        volume = pod["spec"]["volumes"][0]
        assert volume["persistentVolumeClaim"]["claimName"] == kubernetes["PersistentVolumeClaim"]["metadata"]["name"]
        for container in pod["spec"]["containers"]:
            assert container["volumeMounts"][0]["name"] == volume["name"]
            assert container["resources"]["limits"] == container["resources"]["requests"]
    worker = spec["workerGroupSpecs"][0]
    assert worker["minReplicas"] == worker["replicas"] == worker["maxReplicas"]
    assert pods[1]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    address = pods[0]["spec"]["containers"][0]["env"][0]["value"]
    service = kubernetes["Service"]
    assert address == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    labels = kubernetes["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert labels == service["spec"]["selector"] == kubernetes["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]


def test_images_have_the_ray_that_is_pinned(kubernetes: dict[str, Any]) -> None:
    pinned = next(line for line in PROJECT["project"]["dependencies"] if line.startswith("ray["))
    version = kubernetes["RayCluster"]["spec"]["rayVersion"]
    assert f">={version.rpartition('.')[0]}," in pinned
    assert f"FROM rayproject/ray:{version}-py311" in (ROOT / "cluster/Dockerfile").read_text()
