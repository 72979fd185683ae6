import Hummingbird

/// What is wrong with a request, all of it at once, in the shape and the words of FastAPI and Pydantic.
struct ValidationError: Error {
    let issues: [ValidationIssue]

    func response() -> Response {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("detail")
            writer.array(issues) { $1.write(to: &$0) }
            writer.name("code")
            writer.value("validation_failed")
        }
        return .json(writer.buffer, status: .unprocessableContent)
    }
}
