import Hummingbird

/// Rejects a request whose path or query is not percent-encoded UTF-8: `%` must be followed by two hexadecimal digits.
///
/// Nothing behind it has to guess what was meant.
struct PercentEncodingMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if request.uri.string.utf8.contains(UInt8(ascii: "%")) {
            let issues = Self.issues(in: request, context: context)
            guard issues.isEmpty else { throw ValidationError(issues: issues) }
        }
        return try await next(request, context)
    }

    private static func issues(in request: Request, context: Context) -> [ValidationIssue] {
        var issues = context.parameters.filter { $0.value.percentDecoded() == nil }.map { name, value in
            ValidationIssue(malformed: String(value), at: ["path", String(name)])
        }
        if issues.isEmpty, request.uri.path.percentDecoded() == nil {
            issues.append(ValidationIssue(malformed: request.uri.path, at: ["path"]))
        }
        for parameter in request.queryParameters where parameter.isMalformed {
            issues.append(ValidationIssue(malformed: parameter.displayValue, at: ["query", parameter.displayName]))
        }
        return issues
    }
}

extension ValidationIssue {
    fileprivate init(malformed text: String, at location: [String]) {
        self.init(
            problem: .rule("it is not percent-encoded UTF-8: write '%' as %25"),
            location: location.map { .name($0) },
            input: .text(text)
        )
    }
}
