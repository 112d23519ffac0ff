# SPDX-License-Identifier: Apache-2.0
"""The stack of deploy/compose.yml on this machine: images, and a project that runs."""

import pathlib
import re

import podman as p
import pytest
from sluicetest import deps

COMPOSE = (p.DEPLOY / "compose.yml").read_text()


def image_of(service: str) -> str:
    """As compose.yml pins it."""
    return re.search(rf"^  {service}:\n(?:    .*\n)*?    image: (\S+)", COMPOSE, re.M)[1]


def argument_of(dockerfile: str, name: str) -> str:
    return re.search(rf"^ARG {name}=(\S+)", (p.DEPLOY / dockerfile).read_text(), re.M)[1]


@pytest.fixture(scope="session")
def podman(tmp_path_factory):
    """Podman with what cannot be pulled here: stand-ins under the names of public images."""
    podman = p.Podman(tmp_path_factory.mktemp("podman"))
    debian = argument_of("Dockerfile", "DEBIAN")
    podman.import_debian(debian)
    podman.build("localhost/sluice-stack-java", p.IMAGES / "java.Dockerfile", p.IMAGES,
                 DEBIAN=debian)
    podman.build(image_of("kafka"), p.IMAGES / "kafka.Dockerfile", p.IMAGES)
    podman.build(image_of("minio"), p.IMAGES / "minio.Dockerfile", p.IMAGES, DEBIAN=debian)
    yield podman
    podman.close()


@pytest.fixture(scope="session")
def sluice_image(podman) -> str:
    """Made by deploy/Dockerfile. Libraries that tools/deps has built are not built again."""
    podman.build("sluice:0.1.0", p.DEPLOY / "Dockerfile", deps.TREE, volume="/opt/sluice-deps")
    return "sluice:0.1.0"


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory) -> pathlib.Path:
    """The example, with each row's message named, and commits a second apart."""
    text = (deps.TREE / "examples/vehicle_positions.sql").read_text()
    for old, new in [("trigger = '10 seconds'", "trigger = '1 second'"),
                     ("    source_id,\n", "    source_id,\n    _partition,\n    _offset,\n"),
                     ("(SELECT *, unnest(", "(SELECT *, _partition, _offset, unnest(")]:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = tmp_path_factory.mktemp("pipeline") / "pipeline.sql"
    file.write_text(text)
    file.parent.chmod(0o755)
    return file


@pytest.fixture(scope="session")
def monitoring_images(podman):
    debian = argument_of("Dockerfile", "DEBIAN")
    for service, program in {"prometheus": "prometheus",
                             "alertmanager": "prometheus-alertmanager"}.items():
        podman.build(image_of(service), p.IMAGES / "monitoring.Dockerfile", p.IMAGES,
                     DEBIAN=debian, PROGRAM=program)
    podman.build(image_of("grafana"), p.IMAGES / "grafana.Dockerfile", p.IMAGES, DEBIAN=debian)


@pytest.fixture(scope="session")
def spark_images(podman):
    """Stand-ins of the public images, and what deploy/ makes of them."""
    debian = argument_of("Dockerfile", "DEBIAN")
    podman.build(argument_of("spark.Dockerfile", "SPARK"), p.IMAGES / "spark.Dockerfile", p.IMAGES)
    podman.build(argument_of("dbt.Dockerfile", "PYTHON"), p.IMAGES / "python.Dockerfile", p.IMAGES,
                 DEBIAN=debian)
    podman.build("sluice-spark:0.1.0", p.DEPLOY / "spark.Dockerfile", deps.TREE,
                 volume="/opt/sluice-deps")
    podman.build("sluice-dbt:0.1.0", p.DEPLOY / "dbt.Dockerfile", deps.TREE)


@pytest.fixture(scope="module")
def stack(request, podman, sluice_image, pipeline, tmp_path_factory):
    """A project that has nothing yet: the first test of a module brings it up, with the PROFILES
    that the module names."""
    profiles = getattr(request.module, "PROFILES", ())
    stack = p.Stack(podman, tmp_path_factory.mktemp("stack"), pipeline, profiles)
    yield stack
    stack.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.when == "call" and report.failed and stack is not None:
        report.sections.append(("containers", stack.report()))
