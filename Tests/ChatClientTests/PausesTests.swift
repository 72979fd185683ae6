import ChatClient
import Testing

@Suite(.timeLimit(.minutes(1)))
struct PausesTests {
    @Test func `a restored network ends a pause`() async {
        let pauses = Pauses()
        await withTaskGroup { group in
            group.addTask { await pauses.wait(Delay(total: .seconds(1_000), least: .zero)) }
            group.addTask {
                while await !pauses.isWaiting { await Task.yield() }
                await pauses.hurry()
            }
        }
    }

    @Test func `a restored network does not shorten what the server asks for`() async {
        let pauses = Pauses()
        let start = ContinuousClock.now
        await withTaskGroup { group in
            group.addTask { await pauses.wait(Delay(total: .seconds(1_000), least: .milliseconds(50))) }
            group.addTask {
                while await !pauses.isWaiting { await Task.yield() }
                await pauses.hurry()
            }
        }
        #expect(start.duration(to: .now) >= .milliseconds(50))
    }

    @Test func `canceling and closing end pauses`() async {
        let pauses = Pauses()
        let long = Delay(total: .seconds(1_000), least: .seconds(1_000))
        let canceled = Task { await pauses.wait(long) }
        canceled.cancel()
        await canceled.value
        let closed = Task { await pauses.wait(long) }
        await pauses.close()
        await closed.value
        await pauses.wait(long)
    }
}
