#!/usr/bin/env python3
"""Has a short conversation with a server through the client that openapi-python-client generated from its document.

    conversation.py BASE_URL [CREDENTIAL]

The generated package, `chat_client`, must be on the module path. A value may only have members that its schema names:
the generated classes keep others apart.
"""
import json
import sys
from collections.abc import Iterator
from typing import TypeVar

import attrs
from chat_client import AuthenticatedClient, Client, models
from chat_client.api.chats import create_chat, get_chat, list_chats
from chat_client.api.members import delete_member, put_member
from chat_client.api.messages import create_message, delete_message, get_log, list_messages, update_message
from chat_client.models import (
    Chat, ChatCreate, ChatList, ChatRole, ChatWithMessages, InboxPage, LogPage, Member, MemberPut, Message,
    MessageCreate, MessageCreatedEntry, MessageDeletedEntry, MessagePage, MessageUpdate, MessageUpdatedEntry, Metadata,
    Problem, Tombstone, ValidationError,
)

Value = TypeVar("Value")
# Their members are the application's or depend on the problem.
OPEN = (models.Metadata, models.ValidationContext, models.Grants)


def unknown_members(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for element in value:
            yield from unknown_members(element)
    elif isinstance(value, dict):
        yield f"an object that fits no schema: {value}"
    elif attrs.has(type(value)) and not isinstance(value, OPEN):
        for field in attrs.fields(type(value)):
            member = getattr(value, field.name)
            if field.name == "additional_properties":
                yield from (f"{type(value).__name__}.{name}" for name in member)
            else:
                yield from unknown_members(member)


def expect(kind: type[Value], value: object) -> Value:
    assert isinstance(value, kind), f"{value} is no {kind.__name__}"
    unknown = list(unknown_members(value))
    assert not unknown, f"not in the document: {unknown}"
    return value


def talk(client: AuthenticatedClient | Client) -> int:
    """Uses each kind of request once, and returns the chat's id."""
    metadata = Metadata.from_dict({"topic": "releases"})
    chat = expect(Chat, create_chat.sync(client=client, body=ChatCreate(title="Team", metadata=metadata)))
    assert chat.metadata == metadata and chat.last_message_at is None

    def post(text: str, key: str) -> object:
        return create_message.sync(chat.id, client=client, body=MessageCreate(text=text), idempotency_key=key)

    first = expect(Message, post("Hello!", "k1"))
    assert (first.seq, first.revision, first.idempotency_key) == (1, 1, "k1")
    assert expect(Message, post("Hello!", "k1")) == first
    assert expect(Problem, post("Bye!", "k1")).code == "idempotency_key_reused"
    assert expect(ValidationError, post(" ", "k2")).detail[0].loc == ["body", "text"]
    second = expect(Message, post("Bye!", "k2"))
    edit = MessageUpdate(text="Hello, all!", metadata=None)
    edited = expect(Message, update_message.sync(chat.id, first.id, client=client, body=edit, if_match='"1"'))
    assert (edited.text, edited.revision) == ("Hello, all!", 2)
    mismatch = update_message.sync(chat.id, first.id, client=client, body=edit, if_match='"1"')
    assert expect(Problem, mismatch).code == "revision_mismatch"
    assert delete_message.sync_detailed(chat.id, second.id, client=client).status_code == 204

    page = expect(MessagePage, list_messages.sync(chat.id, client=client, limit=2))
    assert [type(message) for message in page.messages] == [Message, Tombstone] and not page.has_before
    log = expect(LogPage, get_log.sync(chat.id, client=client, after="0"))
    kinds = [MessageCreatedEntry, MessageCreatedEntry, MessageUpdatedEntry, MessageDeletedEntry]
    assert [type(entry) for entry in log.entries] == kinds
    assert expect(ChatWithMessages, get_chat.sync(chat.id, client=client)).messages == [edited]
    assert chat.id in {listed.id for listed in expect(ChatList, list_chats.sync(client=client)).chats}
    assert expect(Problem, get_chat.sync(chat.id + 1_000_000, client=client)).code == "chat_not_found"
    return chat.id


def follow(client: AuthenticatedClient | Client, path: str, *expected: str, user: str | None = None) -> None:
    """Reads a stream, whose events the generated client only knows as text, by the document's discriminator."""
    http = client.get_httpx_client()
    document = http.get("/openapi.json").json()
    mapping = document["components"]["schemas"]["LiveEvent"]["discriminator"]["mapping"]
    headers = {"Accept": "application/x-ndjson"} | ({"Act-As": user} if user else {})
    types = []
    with http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, response.read()
        for line in filter(None, response.iter_lines()):
            event = json.loads(line)
            kind = getattr(models, mapping[event["type"]].rpartition("/")[2])
            expect(kind, kind.from_dict(event))
            types.append(event["type"])
            if types[-1] == "caught_up":
                break
    assert types == ["hello", *expected, "caught_up"], types


def follow_members(client: AuthenticatedClient) -> None:
    """Reads the entries about members and an inbox, which only users have."""
    response = client.get_httpx_client().get("/inbox", params={"wait": 0}, headers={"Act-As": "ben"})
    start = expect(InboxPage, InboxPage.from_dict(response.json())).cursor
    body = ChatCreate(title="Garden", members=["ben"])
    chat = expect(Chat, create_chat.sync(client=client, body=body, act_as="ada"))
    role = MemberPut(role=ChatRole.READER)
    expect(Member, put_member.sync(chat.id, "ben", client=client, body=role, act_as="ada"))
    assert delete_member.sync_detailed(chat.id, "ben", client=client, act_as="ada").status_code == 204
    changes = ["member.joined"] * 2 + ["member.updated", "member.left"]
    follow(client, f"/chats/{chat.id}/events?after=0", *changes, user="ada")
    follow(client, "/inbox", "chat", "cursor", user="ada")
    follow(client, f"/inbox?after={start}", "left", "cursor", user="ben")


def main() -> None:
    base, *credential = sys.argv[1:]
    client = AuthenticatedClient(base, credential[0]) if credential else Client(base)
    with client:
        changes = ["message.created"] * 2 + ["message.updated", "message.deleted"]
        follow(client, f"/chats/{talk(client)}/events?after=0", *changes)
        if isinstance(client, AuthenticatedClient):
            follow_members(client)
    print("a generated client and the server understand each other")


if __name__ == "__main__":
    main()
