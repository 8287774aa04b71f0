"""Who may ask the studio, and how much: hosts, origins, the token, bodies, headers; and whatever schemathesis finds."""

import pytest
from helpers.studio_support import HOST, client, save_model

from recurra.errors import ConfigError
from recurra.studio.server.faults import Refused
from recurra.studio.server.guard import HEADERS, address
from recurra.studio.settings import Limits, StudioConfig, is_loopback

TOKEN = "a-token-of-a-test"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    save_model(folder / "cats")
    with client(folder, body_bytes=5000) as found:
        yield found


@pytest.fixture
def open_to_all(tmp_path):
    config = StudioConfig(host="0.0.0.0", runs=tmp_path, token=TOKEN)
    with client(tmp_path, host="http://the-host:8765", config=config) as found:
        yield found


@pytest.mark.parametrize(
    "path", ["/", "/api/about", "/api/runs/cats", "/static/js/main.js", "/nothing", "/api/nothing"]
)
def test_every_answer_has_the_headers(api, path):
    answer = api.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == ("no-store" if path.startswith("/api") else "no-cache")
    assert "'unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
def test_our_own_names(api, host):
    assert api.get("/api/about", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:9999",
        "",
        "localhost.evil.example:8765",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/about", "/static/js/main.js"])
def test_a_foreign_host_is_refused(api, host, path):
    answer = api.get(path, headers={"host": host})
    assert answer.status_code == 403
    assert "is not this studio's; open it by the address that it printed" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8765"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_request_from_another_site_is_refused(api, headers):
    for method, path in (
        ("POST", "/api/texts"),
        ("POST", "/api/runs/cats/generate"),
        ("DELETE", "/api/runs/cats"),
        ("PATCH", "/api/runs/cats"),
        ("GET", "/api/runs/cats/events"),
        ("GET", "/api/runs"),
    ):
        answer = api.request(method, path, headers=headers)
        assert answer.status_code == 403, (method, path)
        assert answer.json()["detail"].endswith("is not answered here")


def test_our_own_page_and_a_link_to_it(api):
    ours = {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
    assert api.post("/api/runs/cats/generate", json={"length": 3}, headers=ours).status_code == 200
    assert api.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_what_a_form_can_send_is_no_json(api, kind):
    headers = {} if kind is None else {"content-type": kind}
    answer = api.post("/api/runs/cats/generate", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert "expected application/json" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"nonsense", b"[", b"\xff\xfe", b'"text"', b"null", b"[" * 2000, b"1" * 4400, b'{"length": 1e999}', b"{}{}"],
)
@pytest.mark.parametrize("path", ["/api/runs", "/api/card", "/api/comparisons", "/api/runs/cats/generate"])
def test_bad_json(api, path, body):
    answer = api.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert isinstance(answer.json()["detail"], str)


def test_bodies_are_bounded(api):
    headers = {"content-type": "application/json"}
    answer = api.post("/api/runs/cats/generate", content=b" " * 5001, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "the body has 5,001 bytes; expected at most 5,000"
    pieces = (b" " * 1000 for _ in range(100))  # without a content-length
    answer = api.post("/api/runs/cats/generate", content=pieces, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "the body is longer than 5,000 bytes"


def test_what_is_not_there_and_what_is_not_meant(api):
    assert api.get("/api/nothing").json() == {"detail": "there is nothing at /api/nothing"}
    answer = api.put("/api/runs/cats")
    assert answer.status_code == 405
    assert answer.json() == {"detail": "PUT is not for /api/runs/cats"}


def test_beyond_this_machine_a_token_is_needed(open_to_all):
    api = open_to_all
    for path in ("/", "/api/about", "/static/js/main.js", "/api/about?token=" + TOKEN, "/?token=wrong"):
        answer = api.get(path)
        assert answer.status_code == 401, path
        assert "this studio needs its token" in answer.json()["detail"]
    assert api.get("/api/about", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert api.get("/api/about", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert api.get("/api/about", headers={"cookie": "recurra=wrong"}).status_code == 401
    assert api.get("/api/about", headers={"cookie": 'recurra="; bad'}).status_code == 401


def test_the_token_becomes_a_cookie(open_to_all):
    api = open_to_all
    first = api.get(f"/?token={TOKEN}", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert api.get("/").status_code == 200
    assert api.get("/api/about").status_code == 200


def test_settings_that_cannot_be():
    with pytest.raises(ConfigError, match=r"`host` is '0\.0\.0\.0', which others can reach; give a token"):
        StudioConfig(host="0.0.0.0")
    with pytest.raises(ConfigError, match="`port` is 65536"):
        StudioConfig(port=65536)
    with pytest.raises(ConfigError, match="`trainings` is 0; expected 1 or more"):
        Limits(trainings=0)
    assert [is_loopback(host) for host in ("127.0.0.2", "::1", "[::1]", "localhost", "0.0.0.0", "example.org")] == [
        *[True] * 4,
        *[False] * 2,
    ]


@pytest.mark.parametrize(
    ("host", "want"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("::1", "http://[::1]:80/"),
        ("0.0.0.0", f"http://127.0.0.1:80/?token={TOKEN}"),
    ],
)
def test_the_address_to_open(host, want):
    assert address(StudioConfig(host=host, token=None if is_loopback(host) else TOKEN), 80) == want


def _refuse(*arguments):
    raise Refused(409, "nothing is trained here")


@pytest.mark.slow
def test_schemathesis_finds_no_fault(tmp_path, monkeypatch):
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings, strategies
    from schemathesis import GenerationMode, checks
    from schemathesis.python import asgi
    from schemathesis.specs.openapi import checks as described

    save_model(tmp_path / "cats")
    app = client(tmp_path).app
    studio = app.state.studio
    monkeypatch.setattr(studio.trainer, "start", _refuse)  # it is not to train
    monkeypatch.setattr(studio.speeds, "get", lambda *a, **k: None)
    schema = schemathesis.openapi.from_dict(app.openapi())
    wanted = [
        checks.not_a_server_error,
        described.status_code_conformance,
        described.content_type_conformance,
        described.response_schema_conformance,
    ]
    quick = settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    tried = {}

    def try_one(case, there):
        if there and "run" in (case.path_parameters or {}) and case.method != "DELETE":
            case.path_parameters["run"] = "cats"
        answer = case.call(base_url=HOST, session=session, app=app)
        tried.setdefault(case.operation.label, set()).add(answer.status_code)
        case.validate_response(answer, checks=wanted)

    with asgi.get_client(app) as session:
        for result in schema.get_all_operations():
            operation = result.ok()
            cases = strategies.one_of(*(operation.as_strategy(mode) for mode in GenerationMode))
            quick(given(case=cases, there=strategies.booleans())(try_one))()
    assert len(tried) > 20
    # It came past the door, and was also turned away.
    assert set().union(*tried.values()) >= {200, 404, 409, 422}
