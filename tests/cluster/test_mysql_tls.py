"""A server that takes no connection without TLS, as RDS is set up: what speaks MySQL reaches it, and no other."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest

from components.applications.pipelines import api_server
from components.kubernetes.certificates import issue
from components.substrates.contract import MysqlDatabase
from tests.cluster.mariadb import PASSWORD, Server, kubectl, namespace_for_a_server, secured
from tests.cluster.support import until

WAIT_SECONDS = 120.0
LOGIN = "wordsanddigits1"
TLS = ("--require-secure-transport=ON", "--ssl-cert=/secret/certificate", "--ssl-key=/secret/key")


NOW = datetime.datetime.now(datetime.UTC)
ISSUED, OTHERS = (issue(["mariadb"], now=NOW) for _ in range(2))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with namespace_for_a_server("ml-metadata", "pipelines-api") as made:
        kubectl("-n", made.namespace, "delete", "secret", "password")
        made.secret("password", {"password": PASSWORD, "certificate": ISSUED.certificate, "key": ISSUED.private_key})
        port = {"port": 3306, "protocol": "TCP"}
        made.create(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "mariadb"},
                "spec": {"selector": {"app": "mariadb"}, "ports": [port]},
            }
        )
        made.start(arguments=TLS)
        for name in ("metadb", "mlpipeline"):
            made.ask(PASSWORD, f"CREATE DATABASE {name}")
            made.ask(PASSWORD, f"CREATE USER {name} IDENTIFIED BY '{LOGIN}' REQUIRE SSL")
            made.ask(PASSWORD, f"GRANT ALL ON {name}.* TO {name}")
        made.secret("authorities", {"own.pem": ISSUED.ca, "others.pem": OTHERS.ca})
        yield made


def client(name: str, container: dict[str, Any], volumes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "securityContext": {"runAsNonRoot": True},
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 2,
            "containers": [container],
            "volumes": [*volumes, {"name": "tmp", "emptyDir": {}}],
        },
    }


def tables(server: Server, database: str) -> set[str]:
    return set(server.ask(PASSWORD, f"SHOW TABLES IN {database}").split())


AUTHORITIES = {"name": "authorities", "secret": {"secretName": "authorities"}}


def metadata(server: Server, name: str, *, ca_file: str = "") -> None:
    """Start ML Metadata, with the shortest time limits that it allows."""
    values = {
        "METADATA_MYSQL_HOST": "mariadb",
        "METADATA_MYSQL_DATABASE": "metadb",
        "METADATA_MYSQL_USER": "metadb",
        "METADATA_MYSQL_PASSWORD": LOGIN,
        "METADATA_MYSQL_CA_FILE": ca_file and f"/authorities/{ca_file}",
        "METADATA_WAIT_SECONDS": "10",
    }
    environment = [{"name": key, "value": value} for key, value in values.items()]
    mounts = [{"name": "tmp", "mountPath": "/tmp"}, {"name": "authorities", "mountPath": "/authorities"}]
    container = secured("metadata", "ml-metadata", env=environment, volumeMounts=mounts)
    server.create(client(name, container, [AUTHORITIES]))


def test_ml_metadata_without_tls_is_refused_and_says_so(server: Server) -> None:
    metadata(server, "plain")
    until("refused", lambda: "could not be opened within 10 s" in server.logs("plain"), WAIT_SECONDS)
    assert "metadb" in server.logs("plain")
    assert not tables(server, "metadb")


def test_ml_metadata_refuses_a_server_that_others_vouch_for(server: Server) -> None:
    metadata(server, "deceived", ca_file="others.pem")
    until("refused", lambda: "could not be opened within 10 s" in server.logs("deceived"), WAIT_SECONDS)
    assert "certificate verify failed" in server.logs("deceived")
    assert not tables(server, "metadb")


def test_ml_metadata_verifies_the_server(server: Server) -> None:
    metadata(server, "encrypted", ca_file="own.pem")
    until("serving", lambda: "serving ml_metadata" in server.logs("encrypted"), WAIT_SECONDS)
    assert {"Artifact", "Execution"} <= tables(server, "metadb")


def api(server: Server, name: str, authority: str) -> None:
    """Start the API server as the platform does, up to the database: it finds neither a cluster nor buckets here."""
    database = MysqlDatabase(
        host="mariadb",
        port=3306,
        name="mlpipeline",
        user="mlpipeline",
        password=pulumi.Output.secret(LOGIN),
        authorities=authority,
    )
    config = {"DBConfig": api_server.database_config(database, "mariadb"), "DBDriverName": "mysql"}
    text = json.dumps({**config, "InitConnectionTimeout": "20s"})
    server.secret(name, {"config.json": text, **database.files()})
    variables = {
        "DBCONFIG_MYSQLCONFIG_PASSWORD": LOGIN,
        "POD_NAMESPACE": "default",
        **api_server.driver_parameters(database),
        **api_server.AUTHORITIES,
    }
    container = secured(
        "api",
        "pipelines-api",
        command=["/bin/apiserver"],
        args=["--config=/config", "-logtostderr=true"],
        env=[{"name": key, "value": value} for key, value in variables.items()],
        volumeMounts=[{"name": "config", "mountPath": "/config"}, {"name": "tmp", "mountPath": "/tmp"}],
    )
    server.create(client(name, container, [{"name": "config", "secret": {"secretName": name}}]))


def test_the_pipelines_api_refuses_a_server_that_others_vouch_for(server: Server) -> None:
    api(server, "deceived-api", OTHERS.ca)
    until("refused", lambda: "x509: certificate" in server.logs("deceived-api"), WAIT_SECONDS)
    assert not tables(server, "mlpipeline")


def test_the_pipelines_api_verifies_the_server(server: Server) -> None:
    """It makes its tables first of all."""
    api(server, "api", ISSUED.ca)
    wanted = {"run_details", "pipelines", "jobs"}
    until("tables made", lambda: wanted <= tables(server, "mlpipeline"), WAIT_SECONDS)
