import ChatDomain
import ChatIdentity
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// The access log line of a request: address, method, route, path, status, the code of an error, duration and caller.
struct AccessLogEntry {
    private let level: Logger.Level

    /// Nil if the logger would drop the line.
    init?(for request: Request, in routes: RouteTable, logger: Logger) {
        guard logger.logLevel <= .info else { return nil }
        // Orchestrators poll health checks every few seconds.
        level = routes.isHealthCheck(request.uri.path) ? .debug : .info
        guard logger.logLevel <= level else { return nil }
    }

    /// Writes the line; call it when the response is ready.
    ///
    /// - Parameter code: That of an error; nil for success.
    func write(_ request: Request, context: ChatRequestContext, response: Response, code: String?, duration: TimeAmount)
    {
        var metadata: Logger.Metadata = [
            "address": "\(context.address)",
            "method": "\(request.method.rawValue)",
            // The pattern and not the path, so that lines can be grouped.
            "route": "\(context.endpointPath ?? "-")",
            // Without the query, which may contain a ticket.
            "path": "\(request.uri.path)",
            "status": .stringConvertible(response.status.code),
            "duration_ms": .stringConvertible(Duration.nanoseconds(duration.nanoseconds).inMilliseconds),
        ]
        metadata["code"] = code.map { "\($0)" }
        metadata.add(context.credential)
        context.logger.log(level: level, "Request", metadata: metadata)
    }
}

extension Logger.Metadata {
    /// Names a verified credential and its user; adds nothing for nil.
    mutating func add(_ credential: Credential?) {
        guard let credential else { return }
        self["credential"] = "\(credential.logName)"
        self["user"] = credential.caller.author.map { "\($0.value)" }
    }
}

extension Duration {
    /// Three digits after the decimal point.
    var inMilliseconds: Double {
        let microseconds = components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
        return Double(microseconds) / 1_000
    }
}
