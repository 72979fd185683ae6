import Hummingbird

typealias RouteHandler = @Sendable (Request, ChatRequestContext) async throws -> Response

/// A handler whose route takes no query parameters but these.
///
/// A misspelled or unsupported one (`?offset=`, `?member=`) would otherwise return something else than was asked for,
/// without a word.
func closed(_ handler: @escaping RouteHandler, query names: String...) -> RouteHandler {
    { request, context in
        let issues = request.queryParameters.filter { !names.contains($0.displayName) }.map { parameter in
            ValidationIssue(
                problem: .extraForbidden,
                location: [.name("query"), .name(parameter.displayName)],
                input: .text(parameter.displayValue)
            )
        }
        guard issues.isEmpty else { throw ValidationError(issues: issues) }
        return try await handler(request, context)
    }
}
