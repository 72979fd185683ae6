import ChatDomain
import ChatIdentity
import ChatOperations
import HTTPConnections
import HTTPTypes
import Hummingbird
import Logging

/// Turns an error into a response.
///
/// The reason of a 5xx goes to the log; the client sees only the request id.
struct ErrorResponder {
    let routes: RouteTable

    /// - Returns: The response, and the `code` in its body.
    func response(
        to error: any Error,
        request: Request,
        context: some RequestContext
    ) -> (response: Response, code: String) {
        let (response, code) = fullResponse(to: error, request: request, context: context)
        return (request.method == .head ? response.createHeadResponse() : response, code)
    }

    private func fullResponse(
        to error: any Error,
        request: Request,
        context: some RequestContext
    ) -> (response: Response, code: String) {
        switch error {
        case let error as ValidationError:
            return (error.response(), ValidationError.code)
        case StoreError.replyTargetNotFound(let id):
            return (ValidationError.replyTargetNotFound(id).response(), ValidationError.code)
        default:
            let error = apiError(for: error, request: request, context: context)
            return (error.response(requestID: context.id), error.code)
        }
    }

    private func apiError(for error: any Error, request: Request, context: some RequestContext) -> APIError {
        switch error {
        case let error as APIError:
            return error
        case let error as CredentialError:
            return APIError(error)
        case let error as ActAsError:
            return APIError(error)
        case let error as OperationError:
            return APIError(error)
        case let error as StoreError:
            return APIError(error, logger: context.logger)
        case let rejection as AppendRejection:
            return APIError(rejection)
        case let error as StreamedBodyError:
            return APIError(error) ?? .unavailable
        case is CancellationError:
            // The shutdown grace period has ended.
            return [.get, .head].contains(request.method) ? .unavailable : .outcomeUnknown
        case let error as HTTPError where error.status == .notFound:
            let allowed = routes.methods(at: request.uri.path)
            return allowed.isEmpty ? .routeNotFound : .methodNotAllowed(allowed: allowed)
        default:
            context.logger.error("Request failed", metadata: ["reason": "\(error)"])
            return .internalError
        }
    }
}
