import ChatIdentity
import ChatPages
import HTTPTypes
import Hummingbird
import NIOCore

/// Serves a file of the pages, which is part of the binary.
struct PageController: Sendable {
    private let answer: Answer
    /// The same for a path with a trailing slash: references are relative, so that they work under any prefix.
    private let nestedAnswer: Answer

    init(_ file: PageFile, mode: Authenticator.Mode) {
        answer = Answer(file.filledIn(root: "", isOpen: mode == .open))
        nestedAnswer = Answer(file.filledIn(root: file.path == "/" ? "" : "../", isOpen: mode == .open))
    }

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let answer = request.uri.path.hasSuffix("/") ? nestedAnswer : answer
        // Browsers replace the headers that they have cached with those of a 304.
        guard request.headers[.ifNoneMatch]?.contains(answer.entityTag) != true else {
            return Response(status: .notModified, headers: answer.headers)
        }
        return Response(status: .ok, headers: answer.headers, body: ResponseBody(byteBuffer: answer.content))
    }

    private struct Answer {
        let content: ByteBuffer
        let entityTag: String
        let headers: HTTPFields

        init(_ file: PageFile) {
            content = ByteBuffer(bytes: file.content)
            entityTag = "\"\(file.version)\""
            // A browser asks each time, and gets a 304 until the server is updated.
            var headers: HTTPFields = [
                .contentType: file.mediaType.rawValue, .cacheControl: "no-cache", .eTag: entityTag,
            ]
            if file.mediaType == .page {
                headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
            }
            self.headers = headers
        }

        /// Pages run and load nothing but the files of this server, talk to nobody else, and cannot be framed.
        ///
        /// Trusted Types forbid what turns text into HTML.
        private static let contentSecurityPolicy = """
            default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; \
            img-src 'self'; script-src 'self'; style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'
            """
    }
}
