"""The document of the JSON API: made from the table of endpoints and the contexts."""

import json
import re

import pytest
import requests

from contextcompany.observatory import openapi
from contextcompany.observatory.app import create_app
from contextcompany.observatory.endpoints import ENDPOINTS

DOCUMENT = json.loads(openapi.document())


def test_the_document_has_every_endpoint(store):
    """And no other."""
    routes = [each for each in create_app(None, store=store).routes if each.path.startswith("/api/")]
    asked = {(method, re.sub(r":\w+}", "}", each.path)) for each in routes for method in each.methods - {"HEAD"}}
    documented = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}

    assert asked - {("GET", openapi.PATH)} == documented


def test_the_document_is_served(served):
    """As JSON."""
    response = requests.get(served.url + openapi.PATH, timeout=20)

    assert response.json() == DOCUMENT
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: f"{each.method} {each.path}")
def test_each_endpoint_says_what_it_is(endpoint):
    """In the first line of its documentation; and each parameter says what it means."""
    operation = DOCUMENT["paths"][re.sub(r":\w+}", "}", endpoint.path)][endpoint.method.lower()]

    assert operation["summary"].endswith(".")
    assert all(each["description"].endswith(".") for each in operation["parameters"])
    assert {"200", "400", "503"} <= operation["responses"].keys()


def test_a_field_says_what_its_docstring_says():
    """So that there is one text."""
    fields = DOCUMENT["components"]["schemas"]["Run"]["properties"]

    assert fields["unpriced"]["description"] == "Calls whose cost nobody knows: `cost` is too low by them."


def test_messages_are_objects():
    """Types that contexts name are those that they mean, whatever else has the same name."""
    turn = DOCUMENT["components"]["schemas"]["Turn"]["properties"]["input"]
    (messages, nothing) = turn["anyOf"]

    assert messages == {"type": "array", "items": {"type": "object", "additionalProperties": {}}}
    assert nothing == {"type": "null"}
