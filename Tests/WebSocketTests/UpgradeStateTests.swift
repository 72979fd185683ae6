import Testing
import WebSocket

@Suite struct UpgradeStateTests {
    private func request(_ state: inout UpgradeState, asksForUpgrade: Bool) {
        state.receiveHead(asksForUpgrade: asksForUpgrade)
        state.receiveEnd()
    }

    @Test func ordinaryRequestsFollowEachOther() {
        var state = UpgradeState()
        for _ in 0..<3 {
            request(&state, asksForUpgrade: false)
            #expect(!state.isComplete)
            #expect(state.answerHead(status: 200) == false)
            #expect(state.answerEnd() == false)
        }
    }

    @Test func aRefusalIsTheLastAnswer() {
        var state = UpgradeState()
        state.receiveHead(asksForUpgrade: true)
        #expect(!state.isComplete)
        state.receiveEnd()
        #expect(state.isComplete)
        #expect(state.answerHead(status: 100) == false)
        #expect(state.answerHead(status: 426) == true)
        #expect(state.answerEnd() == true)
    }

    @Test func anAcceptedRequestIsNotClosed() {
        var state = UpgradeState()
        request(&state, asksForUpgrade: true)
        #expect(state.answerHead(status: 101) == false)
    }

    @Test func theAnswersBeforeARefusalAreOrdinary() {
        var state = UpgradeState()
        request(&state, asksForUpgrade: false)
        request(&state, asksForUpgrade: true)
        #expect(state.answerHead(status: 200) == false)
        #expect(state.answerEnd() == false)
        #expect(state.answerHead(status: 200) == true)
        #expect(state.answerEnd() == true)
    }
}
