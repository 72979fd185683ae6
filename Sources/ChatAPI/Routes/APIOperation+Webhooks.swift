import ChatDomain
import ChatWire
import HTTPTypes

extension APIOperation {
    static let createWebhook = APIOperation(
        "createWebhook",
        .webhooks,
        "Create a webhook",
        """
        From now on, the server sends the entries of chats' logs to a URL: those of each chat in order, up to 100 at a time, \
        signed as Standard Webhooks specifies. Each is delivered at least once. Without a `secret`, the webhook gets a random \
        one.
        """,
        body: (
            .webhookCreate,
            ["url": "https://example.com/chat-events", "types": ["message.created"], "with": ["offline"]]
        ),
        responses: [
            APIResponse(
                .created,
                "The webhook, with the secret that verifies its deliveries.",
                .json(.issuedWebhook, example: .example(IssuedWebhook(.example))),
                headers: [APIResponse.noStore]
            ),
            .tooManyWebhooks,
        ]
    )

    static let listWebhooks = APIOperation(
        "listWebhooks",
        .webhooks,
        "List the webhooks",
        responses: [
            APIResponse(.ok, "The webhooks.", .json(.webhookList, example: .example(WebhookList([.example]))))
        ]
    )

    static let getWebhook = APIOperation(
        "getWebhook",
        .webhooks,
        "Read a webhook",
        responses: [APIResponse(.ok, "The webhook.", .json(.webhook, example: .example(Webhook.example)))]
    )

    static let updateWebhook = APIOperation(
        "updateWebhook",
        .webhooks,
        "Edit a webhook",
        """
        Changes what you include. A chat that the webhook did not receive before is delivered from now on. `"enabled": true` \
        also retries the chats that failed or were given up, at once. While a webhook is disabled, it misses nothing: it \
        continues where it stopped.
        """,
        body: (.webhookUpdate, ["enabled": true]),
        responses: [APIResponse(.ok, "The webhook.", .json(.webhook, example: .example(Webhook.example)))]
    )

    static let replaceWebhookSecret = APIOperation(
        "replaceWebhookSecret",
        .webhooks,
        "Replace a webhook's secret",
        """
        Without a `secret`, the webhook gets a random one. For 24 hours, each delivery has two signatures, one with each \
        secret, so that you can change over without a gap.
        """,
        body: (.webhookSecretReplace, [:]),
        responses: [
            APIResponse(
                .ok,
                "The webhook, with its new secret.",
                .json(.issuedWebhook, example: .example(IssuedWebhook(.example))),
                headers: [APIResponse.noStore]
            )
        ]
    )

    static let deleteWebhook = APIOperation(
        "deleteWebhook",
        .webhooks,
        "Delete a webhook",
        responses: [APIResponse(.noContent, "The webhook was deleted.")]
    )

    static let getWebhookState = APIOperation(
        "getWebhookState",
        .webhooks,
        "Read how far a webhook is behind",
        "Compare `pending_since` with the current time to learn how late the webhook is.",
        responses: [APIResponse(.ok, "The state.", .json(.webhookState, example: .example(WebhookState.example)))]
    )

    static let replayWebhook = APIOperation(
        "replayWebhook",
        .webhooks,
        "Deliver a chat again",
        """
        Delivers the entries after a position, in the background. That also resumes a chat that was given up. With a later \
        position than the one reached, the entries in between are skipped.
        """,
        body: (.webhookReplay, ["chat_id": 7, "after": 0]),
        responses: [APIResponse(.accepted, "The entries will be delivered."), .webhookOrChatNotFound]
    )

    static let testWebhook = APIOperation(
        "testWebhook",
        .webhooks,
        "Send a test event",
        "Sends an event of type `webhook.test` and returns what became of it. It is not retried.",
        responses: [
            APIResponse(
                .ok,
                "The result; look at `delivered`.",
                .json(.webhookTestResult, example: .example(WebhookTestResult.example))
            ),
            .noWebhookSender,
        ]
    )
}

extension APIResponse {
    static let webhookNotFound = error(.webhookNotFound, "There is no such webhook.", component: "WebhookNotFound")
    fileprivate static let tooManyWebhooks = error(
        .tooManyWebhooks,
        "There are \(Webhook.maximumCount) webhooks already.",
        component: "TooManyWebhooks"
    )
    fileprivate static let webhookOrChatNotFound = APIResponse(
        .notFound,
        "There is no such webhook, no such chat, or the webhook does not receive the chat.",
        .json(
            .problem,
            examples: ["webhook": APIError.webhookNotFound.example, "chat": APIError.chatNotFound.example]
        ),
        component: "WebhookOrChatNotFound"
    )
    fileprivate static let noWebhookSender = APIResponse(
        .serviceUnavailable,
        "This server delivers nothing to webhooks, or the database is unavailable.",
        .json(
            .problem,
            examples: ["sender": APIError.noWebhookSender.example, "database": APIError.unavailable.example]
        ),
        component: "NoWebhookSender"
    )
}

extension JSONSchema {
    fileprivate static let webhookCreate = component(
        "WebhookCreate",
        .object([
            .required("url", .webhookURL),
            .optional("types", .webhookTypes),
            .optional("chats", .webhookChats),
            .optional("with", .webhookAdditions),
            .optional("secret", .anyOf(.webhookSecret, .null)),
        ])
    )

    fileprivate static let webhookUpdate = component(
        "WebhookUpdate",
        .object([
            .optional("url", .webhookURL),
            .optional("types", .webhookTypes),
            .optional("chats", .webhookChats),
            .optional("with", .webhookAdditions),
            .optional("enabled", .boolean),
        ])
    )

    fileprivate static let webhookSecretReplace = component(
        "WebhookSecretReplace",
        .object([.optional("secret", .anyOf(.webhookSecret, .null))])
    )

    fileprivate static let webhookReplay = component(
        "WebhookReplay",
        .object([
            .required("chat_id", .integer),
            .required("after", .integer(from: 0), "The position after which to start; 0 for the whole log."),
        ])
    )
}
