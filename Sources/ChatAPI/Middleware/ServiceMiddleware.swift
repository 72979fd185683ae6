import ChatDomain
import ChatIdentity
import HTTPConnections
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Applies to every request: its id, its trace, the check of the host, preflights, error responses, common headers, metrics
/// and the access log.
///
/// This is one middleware because each one costs every request two suspended frames.
struct ServiceMiddleware: RouterMiddleware {
    let hosts: HostPolicy
    let crossOrigin: CrossOriginPolicy
    let routes: RouteTable
    let authenticator: Authenticator
    let limits: RequestLimits
    let proxies: TrustedProxies
    let metrics: RequestMetrics

    func handle(
        _ request: Request,
        context: ChatRequestContext,
        next: (Request, ChatRequestContext) async throws -> Response
    ) async throws -> Response {
        let start = NIODeadline.now()
        metrics.begin()
        var context = context
        if let id = request.headers.clientRequestID {
            // `RequestContext.id` reads it from here.
            context.logger[metadataKey: "hb.request.id"] = .string(id)
        }
        context.trace = request.headers[.traceParent].flatMap(TraceParent.init)
        if let trace = context.trace {
            context.logger[metadataKey: "trace_id"] = .string(trace.traceID)
        }
        context.remoteAddress = proxies.client(of: request.headers, from: context.remoteAddress)
        let logEntry = AccessLogEntry(for: request, in: routes, logger: context.logger)
        var response: Response
        var code: String?
        do {
            try hosts.requireHost(of: request, in: routes)
            if let preflight = crossOrigin.preflightResponse(to: request.head) {
                response = preflight
            } else {
                if context.endpointPath == nil {
                    // Routes check both themselves, in this order.
                    context.credential = try await authenticator.authenticate(request, in: context, limits)
                    context.rateUse = try limits.admit(.reads, by: context.ratedClient)
                    try request.requirePercentEncoding(pathParameters: context.parameters)
                }
                response = try await next(request, context)
            }
        } catch {
            (response, code) = ErrorResponder(routes: routes).response(to: error, request: request, context: context)
        }
        context.rateUse?.addFields(to: &response.headers)
        response.headers.addServiceFields(requestID: context.id)
        crossOrigin.addFields(to: &response.headers, for: request.head)
        let duration = NIODeadline.now() - start
        metrics.end(context.route, response.status, after: duration)
        logEntry?.write(request, context: context, response: response, code: code, duration: duration)
        return response
    }
}
