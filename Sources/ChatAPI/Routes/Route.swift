import ChatDomain
import ChatIdentity
package import HTTPTypes
import Hummingbird

/// A method and path, with everything the service derives from it.
///
/// That is the entry in the router, the methods in a 405, the check of the query and the operation in the OpenAPI
/// document.
package struct Route: Sendable {
    typealias Handler = @Sendable (Request, ChatRequestContext) async throws -> Response
    typealias BodyTimeout = @Sendable (HTTPRequest) -> Duration?

    /// The clients a route is for.
    enum Access {
        /// For anyone, without a look at the credential: the documentation, and the end of a session.
        case open
        /// For callers with a credential, unless the server is in open mode.
        case caller
        /// As `caller`, but the credential may follow in the first message: the WebSocket.
        case socket
        /// For administrators and server keys with the scope `admin`.
        case administrator
        /// For server keys with the scope `admin` that act as no user and, in open mode, for requests without a
        /// credential: what the server shows its operators.
        case `operator`
        /// For server keys with the scope `admin` that act as no user, even in open mode: for what stays valid after its
        /// caller has lost access.
        case serverKey
        /// For orchestrators: served for any host and by an overloaded server, and not logged at level info.
        case health
    }

    /// The treatment of unknown query parameters.
    enum UnknownQuery {
        /// A misspelled or unsupported parameter gets a 422: otherwise, the response would answer a different question.
        case rejected
        /// As FastAPI does.
        case ignored
    }

    /// A GET route also serves HEAD.
    package let method: HTTPRequest.Method
    /// As in the OpenAPI document; the router ignores a trailing slash.
    package let path: String
    /// Nil if the OpenAPI document leaves the route out.
    let operation: APIOperation?
    let access: Access
    let unknownQuery: UnknownQuery
    /// Whether the response is endless: it takes a stream slot and the whole connection.
    let isStream: Bool
    /// How long the body of a request may pause, if the handler reads it as it arrives; returns nil to collect it first.
    let bodyTimeout: BodyTimeout?
    /// The quota from which a request takes; nil for none.
    let ratePolicy: RatePolicy?
    private let handler: Handler

    /// - Parameters:
    ///   - policy: The quota from which a request takes; by default, that of reads for GET, otherwise that of posts.
    ///   - isLimited: Whether it takes from one, provided that the route needs a credential.
    init(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ operation: APIOperation,
        access: Access = .caller,
        unknownQuery: UnknownQuery = .rejected,
        isStream: Bool = false,
        bodyTimeout: BodyTimeout? = nil,
        countedAs policy: RatePolicy? = nil,
        isLimited: Bool = true,
        use handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.operation = operation
        self.access = access
        self.unknownQuery = unknownQuery
        self.isStream = isStream
        self.bodyTimeout = bodyTimeout
        ratePolicy = access.needsCredential && isLimited ? policy ?? (method == .get ? .reads : .posts) : nil
        self.handler = handler
    }

    /// A page, or a file that pages need, which the OpenAPI document leaves out.
    init(page path: String, use handler: @escaping Handler) {
        method = .get
        self.path = path
        operation = nil
        access = .open
        unknownQuery = .ignored
        isStream = false
        bodyTimeout = nil
        ratePolicy = nil
        self.handler = handler
    }

    /// Whether the route is for callers with a credential, unless the server is in open mode.
    var needsCredential: Bool {
        access.needsCredential
    }

    /// The handler with the checks of the credential, the rate, the origin, the encoding and the query in front, in this
    /// order: a client without a credential learns nothing about its request.
    ///
    /// - Parameter metrics: Where the requests of the route are counted.
    func handler(
        _ authenticator: Authenticator,
        _ limits: RequestLimits,
        _ crossOrigin: CrossOriginPolicy,
        _ metrics: RouteMetrics
    ) -> Handler {
        let names = operation?.parameters.filter { $0.location == .query }.map(\.name) ?? []
        return { [handler, access, isStream, ratePolicy, unknownQuery] request, context in
            context.route = metrics
            if access.needsCredential {
                context.credential = try await authenticator.authenticate(
                    request,
                    in: context,
                    limits,
                    isRequired: access.requiresCredential,
                    acceptsTickets: isStream
                )
                do throws(APIError) {
                    if let ratePolicy {
                        let units = ratePolicy.units(of: request)
                        context.rateUse = try limits.admit(ratePolicy, units: units, by: context.ratedClient)
                    }
                } catch {
                    guard isStream, request.isFromEventSource else { throw error }
                    return .reconnect(after: error, context)
                }
                try access.check(context)
            }
            if context.credential == nil {
                try crossOrigin.requireOrigin(of: request.head)
            }
            try request.requirePercentEncoding(pathParameters: context.parameters)
            if unknownQuery == .rejected {
                try request.requireQuery(only: names)
            }
            return try await handler(request, context)
        }
    }
}

extension RatePolicy {
    /// The units that a request takes; text of unknown length is also counted as it arrives.
    fileprivate func units(of request: Request) -> Int {
        guard self == .text else { return 1 }
        let length = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        return min(max(length, Self.smallestAppend), StreamedText.maximumLength * 4)
    }
}

extension Route.Access {
    /// Whether the route is for callers with a credential, unless the server is in open mode.
    fileprivate var needsCredential: Bool {
        switch self {
        case .caller, .socket, .administrator, .operator, .serverKey: true
        case .open, .health: false
        }
    }

    /// Whether a request needs a credential in any mode; nil if the mode decides.
    fileprivate var requiresCredential: Bool? {
        switch self {
        case .serverKey: true
        case .socket: false
        case .open, .health, .caller, .administrator, .operator: nil
        }
    }

    /// Rejects a caller whom the route is not for.
    fileprivate func check(_ context: ChatRequestContext) throws {
        switch self {
        case .open, .health, .caller, .socket:
            break
        case .administrator:
            guard context.caller.rights.isAdministrator else { throw APIError.forbidden }
        case .operator, .serverKey:
            // Only open mode serves `operator` without one, and no mode `serverKey`.
            guard let credential = context.credential else { break }
            guard credential.scope == .admin, credential.caller.author == nil else { throw APIError.forbidden }
        }
    }
}

extension Request {
    fileprivate func requireQuery(only names: [String]) throws(ValidationError) {
        let issues = queryParameters.filter { !names.contains($0.displayName) }.map { parameter in
            ValidationIssue(
                problem: .extraForbidden,
                location: [.name("query"), .name(parameter.displayName)],
                input: .text(parameter.displayValue)
            )
        }
        guard issues.isEmpty else { throw ValidationError(issues: issues) }
    }
}
