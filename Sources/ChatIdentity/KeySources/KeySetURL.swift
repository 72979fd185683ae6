import Executors
import FoundationEssentials

/// The URL of an identity provider's JWK set, whose keys a verifier uses.
///
/// It has its own thread, because downloading blocks.
package actor KeySetURL {
    private let executor = ThreadExecutor()
    private let address: KeySetAddress
    private let verifier: TokenVerifier
    private let download: Download
    private let report: @Sendable (KeySourceEvent) -> Void
    private var lastAttempt: ContinuousClock.Instant?
    private var attempt: Task<Void, Never>?
    /// The set in use.
    private var document: [UInt8] = []
    private var lastFailure: KeySourceError.Reason?

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// - Parameters:
    ///   - certificateAuthorities: A PEM file to trust instead of the system's; nil for none.
    ///   - report: Called when new keys are in use, and for the first of several equal failures.
    package init(
        _ address: KeySetAddress,
        _ verifier: TokenVerifier,
        certificateAuthorities: String? = nil,
        report: @escaping @Sendable (KeySourceEvent) -> Void
    ) {
        self.address = address
        self.verifier = verifier
        self.report = report
        download = Download(certificateAuthorities: certificateAuthorities)
    }

    /// Fetches the set, unless the last attempt began less than `interval` ago; waits for an attempt in progress.
    ///
    /// Keys that cannot be used are skipped (RFC 7517, 5). If the fetch fails, the last good keys stay in use.
    ///
    /// - Parameter interval: A minute limits what tokens with invented key ids can cause.
    package func refresh(unlessWithin interval: Duration = .seconds(60)) async {
        if let attempt { return await attempt.value }
        if let lastAttempt, lastAttempt.duration(to: .now) < interval { return }
        lastAttempt = .now
        let attempt = Task { await fetch() }
        self.attempt = attempt
        await attempt.value
        self.attempt = nil
    }

    /// Fetches the set now and then, so that keys that the provider has removed become invalid, until the task is
    /// cancelled.
    package func run() async {
        repeat {
            await refresh(unlessWithin: document.isEmpty ? .seconds(5) : .seconds(3_600))
        } while (try? await Task.sleep(for: .seconds(10))) != nil
    }

    private func fetch() async {
        do throws(KeySourceError.Reason) {
            let document = try download.bytes(from: address)
            if document != self.document {
                let set = try await keySet(in: Data(document))
                if set.keys.isEmpty, let flaw = set.unusableKeys.first { throw .keys(flaw) }
                verifier.replaceKeys(of: .url, with: set.keys)
                self.document = document
                report(.replaced(source: address.description, count: set.keys.count))
            }
            lastFailure = nil
        } catch {
            if error != lastFailure {
                report(.failed(KeySourceError(source: address.description, reason: error)))
            }
            lastFailure = error
        }
    }
}
