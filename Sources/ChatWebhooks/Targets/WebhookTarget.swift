import AsyncHTTPClient
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// The receiver of a webhook, to which requests are sent.
///
/// The name in its URL is resolved here, the addresses are judged, and connections go to one of them: a name cannot
/// lead elsewhere afterwards, because nobody looks it up again. Redirects are responses like any other.
package actor WebhookTarget {
    /// Why no response came.
    package enum Problem: Error, Equatable, Sendable {
        case invalidURL
        case nameNotResolved(String)
        case addressRefused(String)
        case timedOut
        case noResponse(String)

        /// One line for operators.
        package var reason: String {
            switch self {
            case .invalidURL: "the URL cannot be used"
            case .nameNotResolved(let reason): "the host's name cannot be resolved: \(reason)"
            case .addressRefused(let address): "the host has the address \(address), which is not public"
            case .timedOut: "no response in time"
            case .noResponse(let reason): reason
            }
        }
    }

    /// After this, the name is resolved again.
    private static let pinLifetime = Duration.seconds(60)
    /// Of a response's body, so that its connection can be used again; the rest is not read.
    private static let longestBody = 4_096

    /// A client that connects to one address, in use until the last request with it has ended.
    private final class Pin: Sendable {
        let client: HTTPClient
        let end: ContinuousClock.Instant

        init(_ client: HTTPClient, until end: ContinuousClock.Instant) {
            self.client = client
            self.end = end
        }

        deinit {
            Task { [client] in try? await client.shutdown() }
        }
    }

    private let url: String
    private let rules: AddressRules
    private let resolver: any AddressResolver
    private let timeout: Duration
    private var pin: Pin?
    private var lookup: Task<Result<SocketAddress, Problem>, Never>?
    /// How many connections failed; the next lookup takes another of the host's addresses.
    private var failures = 0

    /// - Parameters:
    ///   - rules: Which addresses requests may be sent to.
    ///   - timeout: From the lookup of the name to the head of the response; a connection may take half of it.
    package init(
        _ url: String,
        _ rules: AddressRules,
        _ resolver: any AddressResolver,
        timeout: Duration = .seconds(10)
    ) {
        self.url = url
        self.rules = rules
        self.resolver = resolver
        self.timeout = timeout
    }

    /// Sends a request and waits for the response.
    package func post(_ body: [UInt8], headers: [(name: String, value: String)]) async -> RequestOutcome {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        let pin: Pin
        do throws(Problem) {
            pin = try await currentPin()
        } catch {
            return .failure(error)
        }
        defer { withExtendedLifetime(pin) {} }
        do throws(Problem) {
            return .response(try await post(body, headers, through: pin, until: deadline))
        } catch {
            if self.pin === pin {
                // Another address may do better.
                self.pin = nil
                failures += 1
            }
            return .failure(error)
        }
    }

    private func post(
        _ body: [UInt8],
        _ headers: [(name: String, value: String)],
        through pin: Pin,
        until deadline: NIODeadline
    ) async throws(Problem) -> WebhookResponse {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = HTTPHeaders(headers.map { ($0.name, $0.value) })
        request.body = .bytes(body)
        do {
            let response = try await pin.client.execute(request, deadline: deadline)
            // The status decides, so nothing waits for the body.
            Task { [body = response.body] in
                await Self.drain(body, until: deadline)
                withExtendedLifetime(pin) {}
            }
            return WebhookResponse(
                status: Int(response.status.code),
                retryAfter: response.headers.first(name: "Retry-After")
            )
        } catch {
            throw Problem(error)
        }
    }

    /// Reads the body, so that the next request can use the connection; a long or slow one ends the connection.
    private static func drain(_ body: HTTPClientResponse.Body, until deadline: NIODeadline) async {
        await withTaskGroup { group in
            group.addTask {
                var length = 0
                do {
                    for try await part in body {
                        length += part.readableBytes
                        if length > longestBody { return }
                    }
                } catch {
                    // The status has come.
                }
            }
            group.addTask {
                try? await Task.sleep(for: Duration(deadline - .now()))
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func currentPin() async throws(Problem) -> Pin {
        if let pin, pin.end > .now { return pin }
        guard let place = TargetHost(url) else { throw .invalidURL }
        // Requests that need it at the same time share it.
        let current = lookup ?? Task { await self.address(of: place) }
        lookup = current
        let result = await current.value
        if lookup == current {
            lookup = nil
        }
        let address = try result.get()
        if let pin, pin.end > .now { return pin }
        guard let text = address.ipAddress else { throw .invalidURL }
        let new = Pin(client(for: place, at: text), until: .now + Self.pinLifetime)
        pin = new
        return new
    }

    private func address(of place: TargetHost) async -> Result<SocketAddress, Problem> {
        do throws(Problem) {
            let addresses = try await resolver.addresses(of: place.name, port: place.port)
            // One public address among others says nothing: the next answer could be in another order.
            if let refused = addresses.first(where: { !rules.allow($0) }) {
                throw .addressRefused(refused.ipAddress ?? "of no network")
            }
            guard !addresses.isEmpty else { throw .nameNotResolved("it has no address") }
            return .success(addresses[failures % addresses.count])
        } catch {
            return .failure(error)
        }
    }

    private func client(for place: TargetHost, at address: String) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: TimeAmount(timeout / 2)),
            decompression: .disabled
        )
        configuration.dnsOverride = [place.overrideKey: address]
        configuration.httpVersion = .http1Only
        configuration.http1_1ConnectionDebugInitializer = { ResponseStatusGuard.add(to: $0) }
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = DeliveryPlaces.perWebhook
        // Less than servers and proxies keep an idle connection: a request that meets its end would fail.
        configuration.connectionPool.idleTimeout = .seconds(20)
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }
}
