import ChatDomain
import Logging

/// What the workers of a dispatcher share.
struct DeliveryContext<Store: ChatStore & MemberStore & WebhookStore>: Sendable {
    let store: Store
    /// Names this process in leases.
    let holder: String
    let rules: AddressRules
    let resolver: any AddressResolver
    let schedule: DeliverySchedule
    let places = PlaceKeeper()
    let traces = DeliveryTraces()
    let now: @Sendable () -> Instant
    let connectedUsers: @Sendable () async -> Set<UserID>
    let onDelivery: @Sendable (WebhookActivity) -> Void
    let logger: Logger

    func target(of webhook: Webhook) -> WebhookTarget {
        WebhookTarget(webhook.url.text, rules, resolver)
    }
}
