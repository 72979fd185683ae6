import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import WebSocket

/// How much of the server one client can take.
package struct HTTPLimits: Sendable {
    /// A larger body is answered with 413.
    package var maximumBodyBytes = 128 * 1024
    /// A request whose body has not arrived by then is answered with 408.
    package var bodyTimeout = Duration.seconds(30)
    /// A connection without a request, or with an unfinished head, is closed after so long.
    package var idleTimeout = Duration.seconds(60)
    /// Larger heads are answered with 431.
    package var maximumHeaderBytes = 16 * 1024
    /// Further connections wait in the kernel's queue until one is closed.
    package var maximumConnections = 10_000

    package init() {}
}

extension HTTPLimits {
    /// - Parameter logger: Takes down what is no HTTP.
    func http1(logger: Logger) -> HTTP1Channel.Configuration {
        HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                UpgradeGuard(),
                MalformedRequestResponder(logger: logger),
                RequestBodyGuard(maximumBytes: maximumBodyBytes, timeout: TimeAmount(bodyTimeout)),
            ],
            idleTimeout: TimeAmount(idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: maximumHeaderBytes,
                maxHeaderListSize: maximumHeaderBytes,
                maxHeaderFieldCount: 200
            )
        )
    }
}
