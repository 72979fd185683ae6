package import ChatDomain

extension Webhook: JSONWritable {
    /// Writes a `Webhook`, without its secrets.
    package func write(to writer: inout JSONWriter) {
        writer.object { $0.members(of: self) }
    }
}

extension JSONWriter {
    fileprivate mutating func members(of webhook: Webhook) {
        member("id", webhook.id.rawValue)
        member("url", webhook.url.text)
        member("types", webhook.types?.map(\.text).sorted())
        member("chats", webhook.chats?.ascending)
        member("with", webhook.withOffline ? [WebhookAddition.offline.rawValue] : [])
        member("enabled", webhook.disabled == nil)
        member("created_at", webhook.createdAt)
        member("disabled_at", ifPresent: webhook.disabled?.instant)
        member("disabled_reason", ifPresent: webhook.disabled?.reason)
        member("old_secret_expires_at", ifPresent: webhook.formerSecret?.expiresAt)
    }
}

/// What a delivery can contain besides entries.
package enum WebhookAddition: String, CaseIterable, Sendable {
    /// The members who have no open stream.
    case offline
}

/// All webhooks.
package struct WebhookList: JSONWritable {
    private let webhooks: [Webhook]

    package init(_ webhooks: [Webhook]) {
        self.webhooks = webhooks
    }

    /// Writes a `WebhookList`.
    package func write(to writer: inout JSONWriter) {
        writer.object { $0.member("webhooks", webhooks) }
    }
}

/// A webhook with the secret that was just set.
package struct IssuedWebhook: JSONWritable {
    private let webhook: Webhook

    package init(_ webhook: Webhook) {
        self.webhook = webhook
    }

    /// Writes an `IssuedWebhook`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.members(of: webhook)
            writer.member("secret", webhook.secret.text)
        }
    }
}

extension WebhookState: JSONWritable {
    /// Writes a `WebhookState`, which leaves out the webhook itself.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("enabled", webhook.disabled == nil)
            writer.member("pending_chats", pendingChats)
            writer.member("failing_chats", failingChats)
            writer.member("stalled_chats", stalledChats)
            writer.member("pending_since", ifPresent: pendingSince)
            writer.member("last_success_at", ifPresent: lastSuccessAt)
            writer.member("last_failure_at", ifPresent: lastFailureAt)
            writer.member("last_error", ifPresent: lastError)
            writer.member("failing", failing)
        }
    }
}

extension WebhookState.FailingChat: JSONWritable {
    /// Writes a `FailingChat`; `retry_at` is null if the chat is stalled.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("chat_id", chatID)
            writer.member("seq", position)
            writer.member("tries", tries)
            writer.member("failing_since", failingSince)
            writer.member("error", error)
            writer.member("retry_at", retryAt)
        }
    }
}

extension WebhookTestResult: JSONWritable {
    /// Writes a `WebhookTestResult`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("delivered", error == nil)
            writer.member("status", ifPresent: status)
            writer.member("milliseconds", Int(duration / .milliseconds(1)))
            writer.member("error", ifPresent: error)
        }
    }
}

extension JSONSchema {
    /// A type of event that a webhook can receive.
    package static let webhookEventType = component(
        "WebhookEventType",
        ["type": "string", "enum": .array(WebhookEventType.allCases.map { .string($0.text) })]
    )

    /// The address of a webhook.
    package static let webhookURL = string(maximum: WebhookURL.maximumLength)
        .adding("format", "uri")
        .described("An `http` or `https` URL with a host, without credentials and without a fragment.")
        .adding("examples", ["https://example.com/chat-events"])

    /// The secret of a webhook.
    package static let webhookSecret = component(
        "WebhookSecret",
        [
            "type": "string", "pattern": .string(WebhookSecret.pattern),
            "description": "`whsec_` and the Base64 of 24 to 64 bytes, as Standard Webhooks specifies.",
            "examples": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ]
    )

    /// Types to deliver.
    package static let webhookTypes = anyOf(
        array(of: .webhookEventType, maximum: WebhookEventType.allCases.count).adding("minItems", 1),
        .null
    ).described("Null for all types, including those of later versions.")

    /// Chats to deliver.
    package static let webhookChats = anyOf(
        array(of: .id, maximum: Webhook.maximumChats).adding("minItems", 1),
        .null
    ).described("Null for all chats, including those created later.")

    /// What to add to deliveries.
    package static let webhookAdditions = array(
        of: values(of: WebhookAddition.self, named: "WebhookAddition"),
        maximum: WebhookAddition.allCases.count
    ).described("With `offline`, a delivery names the members of the chat who have no open stream.")

    /// A webhook without its secrets.
    package static let webhook = component("Webhook", .object(webhookMembers))

    /// All webhooks.
    package static let webhookList = component(
        "WebhookList",
        .object([.required("webhooks", .array(of: .webhook, maximum: Webhook.maximumCount))])
    )

    /// A webhook with its new secret.
    package static let issuedWebhook = component(
        "IssuedWebhook",
        .object(
            webhookMembers + [.required("secret", .webhookSecret, "Shown only now: no other response contains it.")]
        )
    )

    /// How far a webhook is behind.
    package static let webhookState = component(
        "WebhookState",
        .object([
            .required("enabled", .boolean),
            .required("pending_chats", .integer(from: 0), "Chats with entries to deliver, without the stalled ones."),
            .required("failing_chats", .integer(from: 0), "Chats whose last delivery failed and will be retried."),
            .required("stalled_chats", .integer(from: 0), "Chats that were given up after three days."),
            .optional("pending_since", .instant, "Since when the chat that has waited longest waits."),
            .optional("last_success_at", .instant),
            .optional("last_failure_at", .instant),
            .optional("last_error", .string, "Why the last failed delivery failed."),
            .required(
                "failing",
                .array(of: failingChat, maximum: WebhookState.maximumFailing),
                "Failing and stalled chats, those first that have failed for longest."
            ),
        ])
    )

    /// What a test's target answered.
    package static let webhookTestResult = component(
        "WebhookTestResult",
        .object([
            .required("delivered", .boolean),
            .optional("status", .integer, "Of the target's response. Absent if there was none."),
            .required("milliseconds", .integer(from: 0)),
            .optional("error", .string, "Why the event was not delivered."),
        ])
    )

    private static let failingChat = component(
        "WebhookFailingChat",
        .object([
            .required("chat_id", .id),
            .required("seq", .integer(from: 0), "The position of the last entry that was delivered."),
            .required("tries", .integer(from: 1)),
            .required("failing_since", .instant),
            .required("error", .string, "Why the last try failed."),
            .required("retry_at", .anyOf(.instant, .null), "Null if the chat is stalled."),
        ])
    )

    private static let webhookMembers: [Property] = [
        .required("id", .id),
        .required("url", .webhookURL),
        .required("types", .webhookTypes),
        .required("chats", .webhookChats),
        .required("with", .webhookAdditions),
        .required("enabled", .boolean),
        .required("created_at", .instant, "The webhook receives what happened after this."),
        .optional("disabled_at", .instant, "Absent while the webhook is enabled."),
        .optional("disabled_reason", .string, "Absent while the webhook is enabled."),
        .optional(
            "old_secret_expires_at",
            .instant,
            "Until then, the secret before the current one signs deliveries, too. Absent if the secret was never replaced."
        ),
    ]
}
