"""Message contents of every channel."""

import pytest
from render_samples import EMAIL, FEED, scope

from engine.render.inline import InlineRenderer
from engine.render.requests import RenderRequest


def render(kind, template, values=None, **options):
    values = scope() if values is None else values
    return InlineRenderer().render([RenderRequest(kind, template, values, **options)])[0]


def output(kind, template, values=None, **options):
    result = render(kind, template, values, **options)
    assert result.ok, result.errors
    return result.output


def test_text_is_liquid_without_escaping():
    assert output("text", "{{ a }} {{ b }}", {"a": "<&>", "b": 1}) == "<&> 1"


def test_json_is_parsed_and_says_where_it_is_broken():
    assert output("json", '{"a": {{ a | json }}}', {"a": ['x"']}) == {"a": ['x"']}
    result = render("json", '{\n "a": "{{ a }}"}', {"a": 'x"'})
    fault = result.errors[0]
    assert (fault.kind, fault.line, result.ok, result.output) == ("invalid_json", 2, False, None)
    assert "json filter" in fault.message


def test_fields_keep_their_shape_and_name_the_field_at_fault():
    template = {"url": "/{{ a }}", "list": [{"value": "{{ a }}"}, 5, None], "flag": True}
    assert output("fields", template, {"a": "x"}) == {
        "url": "/x",
        "list": [{"value": "x"}, 5, None],
        "flag": True,
    }
    result = render("fields", {"ok": "x", "headers": [{"value": "\n{{ a | nope }}"}]}, {})
    assert [(f.field, f.line, f.kind) for f in result.errors] == [
        ("headers[0].value", 2, "unknown_filter")
    ]


def test_strict_makes_a_missing_value_a_fault():
    result = render("text", "{{ a.b }}", {}, strict=True)
    assert [f.kind for f in result.errors] == ["undefined"]
    assert "a.b" in result.errors[0].message


def test_sms_is_one_body_with_a_warning_when_it_is_too_long():
    assert output("sms", {"text_body": " Code {{ order }}\n"}) == {"body": "Code 7"}
    result = render("sms", {"text_body": "x" * 1601})
    assert result.ok
    assert "1601" in result.warnings[0]


def test_push_carries_title_body_and_trigger_data():
    template = {"title": "A\nB {{ order }}", "text_body": "{{ note }}", "settings": {}}
    content = output("push", template)
    assert content["title"] == "A B 7"
    assert content["body"] == "see *this*"
    assert content["data"]["order"] == 7
    assert content["silent"] is False


def test_silent_push_has_neither_title_nor_body():
    template = {"title": "T", "text_body": "B", "settings": {"delivery_type": "silent"}}
    content = output("push", template)
    assert (content["title"], content["body"], content["silent"]) == ("", "", True)
    assert content["data"]["order"] == 7


def test_chat_is_markdown_blocks_or_the_json_body():
    content = output("chat", {"markdown_body": "*{{ note }}*", "summary": "S {{ order }}"})
    assert content == {
        "template": {
            "blocks": [{"name": "body", "type": "markdown", "content": "*see *this**"}],
            "json_content": None,
            "summary": "S 7",
        }
    }
    template = {"markdown_body": "x", "json_body": '{"blocks": [{{ order }}]}', "summary": None}
    content = output("chat", template)["template"]
    assert (content["blocks"], content["json_content"]) == ([], {"blocks": [7]})


def test_a_trailing_comma_in_a_chat_json_body_is_a_fault_of_that_field():
    result = render("chat", {"json_body": "[{% for i in (1..2) %}{{ i }},{% endfor %}]"})
    assert [(f.kind, f.field) for f in result.errors] == [("invalid_json", "json_body")]


def test_feed_keeps_the_source_and_adds_the_html():
    assert output("in_app_feed", FEED) == {
        "blocks": [
            {
                "name": "body",
                "type": "markdown",
                "content": FEED["markdown_body"],
                "rendered": "<p><strong>Ann</strong>: see <em>this</em></p>",
            },
            {
                "name": "action_url",
                "type": "text",
                "content": "{{ link }}",
                "rendered": "https://shop.io/?a=1&b=2",
            },
        ]
    }


def test_feed_buttons_are_named_primary_and_secondary():
    buttons = [{"label": "A {{ order }}", "action": "/a"}, {"label": "B", "action": "app://b"}]
    template = {"markdown_body": "x", "action_url": "", "action_buttons": buttons}
    blocks = output("in_app_feed", template)["blocks"]
    assert blocks[1]["rendered"] == ""
    assert blocks[2] == {
        "name": "actions",
        "type": "button_set",
        "buttons": [
            {"name": "primary", "label": "A 7", "action": "/a"},
            {"name": "secondary", "label": "B", "action": "app://b"},
        ],
    }


def test_email_has_subject_html_and_text():
    content = output("email", EMAIL)
    assert content["subject"] == "Order 7 for Ann"
    html = content["html_body"]
    assert html.startswith("<!DOCTYPE html>")
    assert html.count("<html") == html.count("</html>") == 1
    assert 'class="block-row block-row--markdown-v1"' in html
    assert "<h1>Hi Ann</h1>" in html
    assert "<blockquote>\n<p>see *this*</p>" in html
    assert '<a href="https://shop.io/?a=1&amp;b=2">Open</a>' in html
    assert '<div class="block-divider"></div>' in html
    assert 'class="block-button block-button--outline block-button--md"' in html
    assert 'href="myapp://later"' in html
    assert content["text_body"] == (
        "Hi Ann\n\n> see *this*\n\n- Open (https://shop.io/?a=1&b=2)\n\n"
        "Open 7 (https://shop.io/?a=1&b=2) Later (myapp://later)"
    )


def test_a_whole_html_document_is_left_as_it_is():
    body = "<!doctype html><html><body>{{ note }}</body></html>"
    assert output("email", {"subject": "s", "html_body": body})["html_body"] == (
        "<!doctype html><html><body>see *this*</body></html>"
    )


def test_an_email_may_be_text_only():
    content = output("email", {"subject": "s", "text_body": "{{ note }} <b>"})
    assert (content["html_body"], content["text_body"]) == (None, "see *this* <b>")


def test_an_email_without_a_body_is_a_fault():
    assert not render("email", {"subject": "s"}).ok


def test_names_assigned_by_pre_content_are_seen_everywhere_and_its_text_nowhere():
    template = {
        "subject": "{{ a }}",
        "settings": {"pre_content": "stray {% assign a = 'A' %}{% capture b %}<i>{{ x }}"
                                    "</i>{% endcapture %}"},
        "html_body": "{{ a }} {{ b }}",
        "text_body": "{{ a }} {{ b }}",
    }  # fmt: skip
    content = output("email", template, {"x": "<x>"})
    assert content["subject"] == "A"
    assert "A <i>&lt;x&gt;</i>" in content["html_body"]
    assert content["text_body"] == "A <i><x></i>"
    assert "stray" not in str(content)


def test_what_one_block_assigns_the_next_one_sees():
    blocks = [
        {"type": "markdown", "content": "{% assign a = order %}"},
        {"type": "html", "content": "<b>{{ a }}</b>"},
        {"type": "button_set", "buttons": [{"label": "{{ a }}!", "action": "/{{ a }}"}]},
    ]
    html = output("email", {"subject": "", "visual_blocks": blocks})["html_body"]
    assert "<b>7</b>" in html
    assert 'href="/7"' in html
    assert ">7!</a>" in html


@pytest.mark.parametrize(
    ("branding", "colour"), [({}, "#000000"), ({"primary_color": "#abc"}, "#abc")]
)
def test_a_colour_token_comes_from_the_branding(branding, colour):
    button = {"label": "x", "action": "/", "style_attrs": {"background_color": "primary_color"}}
    blocks = [{"type": "button_set", "buttons": [button]}]
    values = {"vars": {"branding": branding}}
    html = output("email", {"subject": "", "visual_blocks": blocks}, values)["html_body"]
    assert f"background-color:{colour};" in html


def test_every_fault_of_an_email_names_its_field():
    template = {
        "subject": "{{ a | nope }}",
        "visual_blocks": [
            {"type": "markdown", "content": "x\n{% if %}"},
            {"type": "button_set", "buttons": [{"label": "{{ }", "action": "{{ a | x }}"}]},
            {"type": "partial", "key": "k"},
        ],
    }
    result = render("email", template)
    assert [f.field for f in result.errors] == [
        "subject",
        "visual_blocks[0].content",
        "visual_blocks[1].buttons[0].label",
        "visual_blocks[1].buttons[0].action",
        "visual_blocks[2]",
    ]
    assert result.errors[1].line == 2


@pytest.mark.parametrize("kind", ["email", "in_app_feed", "sms", "push", "chat", "fields"])
@pytest.mark.parametrize("template", [None, [], "text", 5, {}, {"settings": 1, "subject": []}])
def test_a_template_of_the_wrong_shape_never_raises(kind, template):
    result = render(kind, template)
    assert isinstance(result.ok, bool)
    assert result.ok or result.errors
