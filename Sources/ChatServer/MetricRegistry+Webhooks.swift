import ChatAPI
import ChatDomain
import ChatWebhooks
import CoreMetrics
import OpenMetrics

extension MetricRegistry {
    /// Returns what a dispatcher calls after each request.
    func webhookObserver() -> @Sendable (WebhookActivity) -> Void {
        { activity in
            self.counter(.webhookRequests, [("result", activity.result.rawValue)]).increment()
            self.timer(.webhookRequestDurations).recordNanoseconds(Int64(activity.duration / .nanoseconds(1)))
        }
    }
}

extension WebhookState {
    func observations(at now: Instant) -> [Observation] {
        let labels = [("webhook", "\(webhook.id.rawValue)")]
        let delay = max(pendingSince?.duration(to: now) ?? .zero, .zero)
        return [
            Observation(.webhookPendingChats, pendingChats, labels),
            Observation(.webhookStalledChats, stalledChats, labels),
            Observation(.webhookDelay, delay / .seconds(1), labels),
        ]
    }
}
