extension Webhook {
    /// Whether the webhook receives a chat's log.
    package func wants(_ chat: ChatID) -> Bool {
        chats?.contains(chat) ?? true
    }

    /// Returns the webhook after an edit; one that changes nothing returns an equal webhook.
    package func edited(by edit: WebhookEdit, at now: Instant) -> Webhook {
        var formerSecret = formerSecret
        if let new = edit.secret, new != secret {
            formerSecret = FormerSecret(secret: secret, expiresAt: now.advanced(by: FormerSecret.lifetime))
        }
        let disabled: Disabling? =
            switch edit.isEnabled {
            case nil: disabled
            case true?: nil
            case false?: disabled ?? Disabling(reason: "disabled by request", instant: now)
            }
        return Webhook(
            id: id,
            url: edit.url ?? url,
            types: edit.types ?? types,
            chats: edit.chats ?? chats,
            withOffline: edit.withOffline ?? withOffline,
            secret: edit.secret ?? secret,
            formerSecret: formerSecret,
            createdAt: createdAt,
            disabled: disabled
        )
    }

    /// Whether an earlier state of the webhook received all chats that it wants.
    package func wantsNoMore(than earlier: Webhook) -> Bool {
        guard let earlierChats = earlier.chats else { return true }
        return chats?.isSubset(of: earlierChats) ?? false
    }
}

/// How far timestamps may disagree with the order of commits.
package struct WebhookTolerance: Sendable {
    /// An entry committed after an instant is dated no earlier than this long before it.
    package let margin: Duration

    /// One server's clock may be ahead and another's behind, and an entry is dated before its transaction waits for
    /// locks.
    package init(_ clock: ChatClock) {
        margin = clock.maximumLeap * 2 + .seconds(30)
    }

    /// The date of the oldest entry that may have been committed since a look at the logs.
    ///
    /// - Parameter last: When that was; later than `now` if the clock has been set back since.
    package func oldestChange(since last: Instant, at now: Instant) -> Instant {
        min(last, now).advanced(by: .zero - margin)
    }

    /// Entries up to this date were committed before a log was started, if it was quiet for twice the margin.
    ///
    /// - Parameter now: Earlier than `startedAt` if the clock has been set back since; entries since then may be new.
    package func boundary(startedAt: Instant, at now: Instant) -> Instant {
        min(startedAt, now).advanced(by: .zero - margin)
    }

    /// A log that is to start at an instant but has entries since this date may be growing at the moment, so where it
    /// starts is recorded.
    package func quiet(startedAt: Instant) -> Instant {
        startedAt.advanced(by: .zero - margin - margin)
    }

    /// Whether to record a complete look at the logs; doing so each time would write to the disk all the time.
    package func isWorthRecording(_ now: Instant, after last: Instant) -> Bool {
        now < last || last.duration(to: now) >= .seconds(30)
    }
}

extension Set<WebhookEventType> {
    /// Reads types as stores keep them; types of a later program are ignored.
    package init(stored text: String) {
        self.init(text.split(separator: " ").compactMap { WebhookEventType(String($0)) })
    }

    /// The types in a form that stores can keep.
    package var stored: String {
        map(\.text).sorted().joined(separator: " ")
    }
}

extension Set<ChatID> {
    /// The ids in ascending order.
    package var ascending: [ChatID] {
        sorted { $0.rawValue < $1.rawValue }
    }
}
