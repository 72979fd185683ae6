import Hummingbird
import NIOCore

/// The pieces of a request body that is read while it arrives.
struct StreamedBody: AsyncSequence, Sendable {
    typealias Producer = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, Demand
    >
    typealias Source = Producer.Source

    /// Passes on that the consumer wants more.
    struct Demand: NIOAsyncSequenceProducerDelegate {
        let onDemand: @Sendable () -> Void

        func produceMore() {
            onDemand()
        }

        func didTerminate() {}
    }

    private let producer: Producer
    private let demand: Demand

    /// - Parameter onDemand: Is called, on any thread, when the consumer starts, and each time it wants more after `yield`
    ///   has not returned `produceMore`.
    /// - Returns: The body and its source, which must be finished.
    static func make(onDemand: @escaping @Sendable () -> Void) -> (sequence: StreamedBody, source: Source) {
        let demand = Demand(onDemand: onDemand)
        let new = Producer.makeSequence(
            // In pieces, each of which has at most `ConnectionHandler.maximumDecodedBytes`.
            backPressureStrategy: .init(lowWatermark: 2, highWatermark: 4),
            finishOnDeinit: false,
            delegate: demand
        )
        return (StreamedBody(producer: new.sequence, demand: demand), new.source)
    }

    func makeAsyncIterator() -> Producer.AsyncIterator {
        demand.onDemand()
        return producer.makeAsyncIterator()
    }
}
