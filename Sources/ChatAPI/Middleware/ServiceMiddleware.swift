import HTTPTypes
import Hummingbird
import Logging

/// What is done for every request around its handler: its id, the checks of its target, the response to an error, the
/// headers that all responses have, and the access log's line.
///
/// One middleware, because each one costs every request two suspended frames.
struct ServiceMiddleware: RouterMiddleware {
    let hosts: HostPolicy
    let errors: ErrorResponder

    func handle(
        _ request: Request,
        context: ChatRequestContext,
        next: (Request, ChatRequestContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        if let id = request.headers.clientRequestID {
            // Where `RequestContext.id` finds it.
            context.logger[metadataKey: "hb.request.id"] = .string(id)
        }
        let logEntry = AccessLogEntry(for: request, logger: context.logger)
        var response: Response
        do {
            try hosts.requireHost(of: request)
            try request.requirePercentEncoding(pathParameters: context.parameters)
            response = try await next(request, context)
        } catch {
            response = errors.response(to: error, request: request, context: context)
        }
        response.headers.addServiceFields(requestID: context.id)
        logEntry?.write(request, context: context, response: response)
        return response
    }
}
