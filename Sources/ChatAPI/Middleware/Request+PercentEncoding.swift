import Hummingbird

extension Request {
    /// Rejects a path or query that is not percent-encoded UTF-8: two hexadecimal digits must follow each `%`.
    ///
    /// Later code can rely on valid encodings.
    func requirePercentEncoding(pathParameters: Parameters) throws(ValidationError) {
        guard uri.string.utf8.contains(UInt8(ascii: "%")) else { return }
        var issues = pathParameters.filter { $0.value.percentDecoded() == nil }.map { name, value in
            ValidationIssue(malformed: String(value), at: ["path", String(name)])
        }
        if issues.isEmpty, uri.path.percentDecoded() == nil {
            issues.append(ValidationIssue(malformed: uri.path, at: ["path"]))
        }
        for parameter in queryParameters where parameter.isMalformed {
            issues.append(ValidationIssue(malformed: parameter.displayValue, at: ["query", parameter.displayName]))
        }
        guard issues.isEmpty else { throw ValidationError(issues: issues) }
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
