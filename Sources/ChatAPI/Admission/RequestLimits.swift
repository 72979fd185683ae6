import HTTPTypes
import OpenMetrics
import RateLimiting

/// Refuses requests of clients that make too many.
struct RequestLimits: Sendable {
    private struct Key: Hashable {
        let policy: RatePolicy
        let client: RatedClient
    }

    private let limits: RateLimits
    private let limiter: RateLimiter?
    /// Counts the refusals, and those of slow mode.
    let metrics: LimitMetrics

    /// - Parameters:
    ///   - limits: Nil for none.
    ///   - registry: Where refusals are counted.
    init(_ limits: RateLimits?, countingIn registry: MetricRegistry = MetricRegistry()) {
        self.limits = limits ?? RateLimits()
        limiter = limits.map { _ in RateLimiter() }
        metrics = LimitMetrics(registry)
    }

    /// Takes units of a client's quota.
    ///
    /// - Parameters:
    ///   - units: With 0, one must be left.
    ///   - client: Nil for one without a limit.
    /// - Returns: What is left; nil if there is no limit.
    /// - Throws: `APIError.rateLimited`
    @discardableResult
    func admit(_ policy: RatePolicy, units: Int = 1, by client: RatedClient?) throws(APIError) -> RateUse? {
        guard let limiter, let client else { return nil }
        let limit = limits.limit(policy)
        let decision = limiter.take(units, of: limit, for: Key(policy: policy, client: client))
        let use = RateUse(policy: policy, limit: limit, decision: decision)
        guard decision.isAllowed else {
            metrics.count(policy)
            throw .rateLimited(use)
        }
        return use
    }

    /// Takes units even if none are left.
    ///
    /// - Returns: How long the client must wait before it uses more.
    func charge(_ policy: RatePolicy, units: Int, by client: RatedClient?) -> Duration {
        guard let limiter, let client else { return .zero }
        let decision = limiter.charge(units, of: limits.limit(policy), for: Key(policy: policy, client: client))
        return decision.remaining > 0 ? .zero : decision.wait
    }

    /// Whether requests may be refused at all.
    var areOn: Bool {
        limiter != nil
    }

    /// Whether a request would be refused; takes nothing.
    func refuses(_ policy: RatePolicy, by client: RatedClient?) -> Bool {
        guard let limiter, let client else { return false }
        return !limiter.hasUnits(of: limits.limit(policy), for: Key(policy: policy, client: client))
    }
}

/// What a request has left of a quota, for its response.
struct RateUse: Sendable {
    let policy: RatePolicy
    let limit: RateLimit
    let decision: RateDecision

    /// As in draft-ietf-httpapi-ratelimit-headers, since revision 8.
    func addFields(to fields: inout HTTPFields) {
        let unit = policy == .text ? #";qu="content-bytes""# : ""
        let name = policy.rawValue
        fields[.rateLimitPolicy] = "\"\(name)\";q=\(limit.quota)\(unit);w=\(limit.window.components.seconds)"
        fields[.rateLimit] = "\"\(name)\";r=\(decision.remaining);t=\(decision.seconds)"
    }
}

extension APIError {
    static func rateLimited(_ use: RateUse) -> APIError {
        let seconds = max(use.decision.seconds, 1)
        var headers: HTTPFields = [.retryAfter: String(seconds)]
        use.addFields(to: &headers)
        return APIError(
            status: .tooManyRequests,
            code: "rate_limited",
            detail: "Too many requests: \(wait(for: seconds))",
            headers: headers
        )
    }

    /// How many seconds to wait before repeating the request; nil if waiting does not help.
    var retryAfter: Int? {
        headers[.retryAfter].flatMap { Int($0) }
    }
}
