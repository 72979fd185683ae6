import ChatIdentity
import ChatWire
import Hummingbird

/// Makes tickets, which are credentials for one path in a URL.
struct TicketController: Sendable {
    let authenticator: Authenticator
    let paths: TicketPaths
    let maximumBodyBytes: Int
    /// The path under which a proxy exposes the service; empty for the root of the host.
    let rootPath: String

    @Sendable func create(_ request: Request, context: ChatRequestContext) async throws -> Response {
        guard let credential = context.credential else { throw CredentialError.tokenMissing }
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let object = try validator.object(in: body, of: request)
        guard let path = object.flatMap({ validator.ticketPath(in: $0, paths) }) else { throw validator.error }
        let ticket = try await authenticator.ticket(for: path, with: credential)
        return .json(status: .created) { writer in
            writer.object { writer in
                writer.member("ticket", ticket.text)
                writer.member("url", "\(rootPath)\(path)?ticket=\(ticket.text)")
                writer.member("expires_at", ticket.expiresAt)
            }
        }
    }
}

/// The paths for which tickets can be made: those of streams and WebSockets.
struct TicketPaths: Sendable {
    /// Such as `["chats", "{chat_id}", "events"]`.
    private let templates: [[Substring]]

    init(_ streams: [Route]) {
        templates = streams.map { $0.path.split(separator: "/") }
    }

    /// A regular expression for the paths, for the API document and for errors.
    var pattern: String {
        let paths = templates.map { template in
            template.map { $0.isParameter ? "[0-9]+" : $0 }.joined(separator: "/")
        }
        return "^/(\(paths.joined(separator: "|")))$"
    }

    func contains(_ path: String) -> Bool {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.first?.isEmpty == true else { return false }
        return templates.contains { template in
            template.count == segments.count - 1
                && zip(template, segments.dropFirst()).allSatisfy { part, segment in
                    part.isParameter ? segment.isNumber : part == segment
                }
        }
    }
}

extension Substring {
    fileprivate var isParameter: Bool {
        hasPrefix("{")
    }

    fileprivate var isNumber: Bool {
        !isEmpty && utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

extension RequestValidator {
    /// The member `path` of a request for a ticket.
    fileprivate mutating func ticketPath(in object: JSONValue, _ paths: TicketPaths) -> String? {
        guard let path = string("path", in: object) else { return nil }
        guard paths.contains(path) else {
            note(.patternMismatch(paths.pattern), at: ["body", "path"], input: .text(path))
            return nil
        }
        return path
    }
}
