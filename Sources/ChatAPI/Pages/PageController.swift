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

    /// - Parameter embedders: The origins whose pages may embed the page.
    init(_ file: PageFile, mode: Authenticator.Mode, embedders: [String] = []) {
        let folders = max(file.path.split(separator: "/").count - 1, 0)
        let root = String(repeating: "../", count: folders)
        func answer(root: String) -> Answer {
            Answer(file.filledIn(root: root, isOpen: mode == .open, embedders: embedders), embedders: embedders)
        }
        self.answer = answer(root: root)
        nestedAnswer = answer(root: file.path == "/" ? root : root + "../")
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

        init(_ file: PageFile, embedders: [String]) {
            content = ByteBuffer(bytes: file.content)
            entityTag = "\"\(file.version)\""
            // A browser asks each time, and gets a 304 until the server is updated.
            var headers: HTTPFields = [
                .contentType: file.mediaType.rawValue, .cacheControl: "no-cache", .eTag: entityTag,
            ]
            if file.mediaType == .page {
                headers[.contentSecurityPolicy] = Self.contentSecurityPolicy(embedders: embedders)
            }
            self.headers = headers
        }

        /// Pages run and load nothing but the files of this server, talk to nobody else, and are framed by nobody else
        /// than their embedders.
        ///
        /// Trusted Types forbid what turns text into HTML.
        private static func contentSecurityPolicy(embedders: [String]) -> String {
            let ancestors = embedders.isEmpty ? "'none'" : embedders.joined(separator: " ")
            return """
                default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'none'; frame-ancestors \(ancestors); \
                img-src 'self'; script-src 'self'; style-src 'self'; require-trusted-types-for 'script'; \
                trusted-types 'none'
                """
        }
    }
}
