package import HTTPTypes
import Hummingbird
package import WebSocket

/// Lets pages of other origins call the service (CORS, as in the Fetch standard).
///
/// The browser withholds a response from a page unless it names the page's origin. Before most requests that change
/// something, it asks whether the page may send them; the server refuses the others of pages that are not allowed.
package struct CrossOriginPolicy: Sendable {
    private let origins: OriginPolicy
    private let preflightFields: HTTPFields

    /// - Parameters:
    ///   - origins: With `sameHost`, no other origin is allowed, and responses stay as they are.
    ///   - methods: Those of the service.
    package init(_ origins: OriginPolicy, methods: [HTTPRequest.Method] = []) {
        self.origins = origins
        preflightFields = [
            .accessControlAllowMethods: methods.map(\.rawValue).joined(separator: ", "),
            .accessControlAllowHeaders: """
            Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Act-As, X-Request-ID
            """,
            // Two hours: Chrome keeps the answer for no longer.
            .accessControlMaxAge: "7200",
        ]
    }

    /// Allows no other origin.
    package static let none = CrossOriginPolicy(.sameHost)

    private static let exposed = """
        ETag, Retry-After, Idempotent-Replayed, X-Request-ID, RateLimit, RateLimit-Policy
        """

    /// The response to a preflight from an allowed origin; nil for any other request.
    func preflightResponse(to request: HTTPRequest) -> Response? {
        guard request.method == .options, request.headerFields.contains(.accessControlRequestMethod),
            allowedOrigin(of: request) != nil
        else { return nil }
        return Response(status: .noContent, headers: preflightFields)
    }

    /// Rejects a request without a credential that a page of another origin may have caused without a preflight.
    ///
    /// Browsers send a POST at once if it has no body, plain text or a form, but not JSON. Of the credentials, they add only
    /// a session cookie on their own, which has a check of its own.
    func requireOrigin(of request: HTTPRequest) throws(APIError) {
        guard request.method == .post, !request.hasJSONContent else { return }
        guard origins.allows(request) || OriginPolicy.sameHost.allows(request) else { throw .crossOriginNotAllowed }
    }

    /// Adds the fields that let a page read a response.
    ///
    /// - Parameter request: Nil if it could not be parsed.
    func addFields(to fields: inout HTTPFields, for request: HTTPRequest?) {
        guard origins != .sameHost else { return }
        fields.append(HTTPField(name: .vary, value: "Origin"))
        guard let request, let origin = allowedOrigin(of: request) else { return }
        fields[.accessControlAllowOrigin] = origin
        fields[.accessControlExposeHeaders] = Self.exposed
        if origins != .any {
            fields[.accessControlAllowCredentials] = "true"
        }
    }

    /// The value of `Access-Control-Allow-Origin`; nil unless the request has an allowed origin.
    private func allowedOrigin(of request: HTTPRequest) -> String? {
        guard origins != .sameHost, let origin = request.headerFields[.origin], origins.allows(request) else {
            return nil
        }
        return origins == .any ? "*" : origin
    }
}

extension APIError {
    static let crossOriginNotAllowed = APIError(
        status: .forbidden,
        code: "origin_not_allowed",
        detail: "Pages of this origin may not do this: list the origin in --cors-origins"
    )
}
