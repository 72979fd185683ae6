import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

/// A subscription gets every entry once and in order, whatever happens.
struct SubscriptionStateTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `every entry is sent once and in order`(seed: UInt64) {
        var run = Run(seed: seed)
        for _ in 0..<400 {
            run.step()
        }
        run.finish()
        let expected = Array(run.start..<run.logEnd).map { $0 + 1 }
        #expect(run.sent == expected)
        #expect(run.caughtUpAt.count == run.beginnings)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `nothing is sent after the entry with which the user leaves`(seed: UInt64) {
        var run = Run(seed: seed, permit: .membership("ada"))
        for _ in 0..<400 {
            run.step()
        }
        run.finish()
        let departure = (run.permitPosition + 1...run.logEnd).first(where: Run.isDeparture)
        let expected = Array(run.start..<(departure ?? run.logEnd)).map { $0 + 1 }
        #expect(run.sent == expected)
        #expect(run.hasLeft == (departure != nil))
    }

    @Test func `a subscription ends after its own user has left`() {
        var buffer = ReplayBuffer(end: 5)
        var state = SubscriptionState(after: 5, permit: .membership("ada"), asOf: 5)
        for event in [.sample(6, leavers: ["bob"]), .sample(7, leavers: ["bob", "ada"]), .sample(8)] as [LiveEvent] {
            _ = event.position.map { buffer.append(event, at: $0) }
        }
        var steps: [String] = []
        for _ in 1...3 {
            let step = state.next(buffer)
            if case .send(let event) = step { _ = state.advance(to: event) }
            steps.append(step.summary)
        }
        #expect(steps == ["send 6", "send 7", "left"])
        let goesOn = state.advance(to: .sample(8))
        #expect(!goesOn)
        state.finishReading()
        #expect(state.next(buffer).summary == "left")
    }

    @Test(arguments: [SubscriptionPermit.rights, .visibility, .membership("ada")])
    func `only what happens after a membership was checked ends it`(_ permit: SubscriptionPermit) {
        var state = SubscriptionState(after: 0, permit: permit, asOf: 3)
        let events =
            [.sample(1), .sample(2, leavers: ["ada"]), .sample(3), .sample(4, leavers: ["ada"])] as [LiveEvent]
        let moves = events.map { state.advance(to: $0) }
        #expect(moves == [true, true, true, true])
        let goesOn = state.advance(to: .sample(5))
        #expect(goesOn == (permit != .membership("ada")))
    }

    @Test(arguments: [(2, true), (1, false)] as [(Position, Bool)])
    func `a new permit does not outlive a departure since it was checked`(_ checked: Position, _ goesOn: Bool) {
        var state = SubscriptionState(after: 0)
        for event in [.sample(1), .sample(2, leavers: ["ada"]), .sample(3)] as [LiveEvent] {
            _ = state.advance(to: event)
        }
        let isRenewed = state.renewPermit(.membership("ada"), asOf: checked)
        #expect(isRenewed == goesOn)
        #expect(state.permit == (goesOn ? .membership("ada") : .rights))
        let moves = [state.advance(to: .sample(4, leavers: ["ada"])), state.advance(to: .sample(5))]
        #expect(moves == [true, !goesOn])
        let isRights = state.renewPermit(.rights, asOf: checked)
        #expect(isRights)
    }

    @Test func `a subscription that is up to date catches up without a read`() {
        var buffer = ReplayBuffer(end: 5)
        var state = SubscriptionState(after: 5)
        #expect(!state.isLive)
        #expect(state.next(buffer).summary == "caught up")
        #expect(state.isLive)
        #expect(state.next(buffer).summary == "wait")
        _ = buffer.append(.sample(6), at: 6)
        #expect(state.next(buffer).summary == "send 6")
        let moves = [5, 7, 6, 6, 7].map { state.advance(to: .sample($0)) }
        #expect(moves == [false, false, true, false, true])
        #expect(state.position == 7)
    }

    @Test func `only a live subscription can be overrun`() {
        var buffer = ReplayBuffer(end: 5)
        var old = SubscriptionState(after: 1)
        var live = SubscriptionState(after: 5)
        #expect(live.next(buffer).summary == "caught up")
        for position in 6...9 as ClosedRange<Int64> {
            _ = buffer.append(.sample(position), at: Position(rawValue: position))
        }
        #expect(!live.isOverrun(by: buffer))
        buffer.trim(toCount: 3, size: .max)
        #expect(live.isOverrun(by: buffer))
        #expect(!old.isOverrun(by: buffer))
        #expect(old.next(buffer).summary == "read after 1")
        #expect(old.floor == 9)
        #expect(old.next(buffer).summary == "wait")
        old.finishReading()
        #expect(old.floor == 1)
        #expect(old.next(buffer).summary == "read after 1")
    }
}

extension SubscriptionState.Step {
    fileprivate var summary: String {
        switch self {
        case .send(let event): "send \(event.position?.rawValue ?? -1)"
        case .caughtUp: "caught up"
        case .read(let position): "read after \(position.rawValue)"
        case .left: "left"
        case .wait: "wait"
        }
    }
}

/// A log, its buffer, and one subscription whose connection, reads and signals misbehave in every way.
private struct Run {
    /// The position after which the subscription first starts.
    let start: Int64
    private(set) var logEnd: Int64
    private(set) var sent: [Int64] = []
    /// How often the subscription has started; it restarts each time it is overrun.
    private(set) var beginnings = 1
    private(set) var caughtUpAt: [Int64] = []
    /// Where the log ended when the permit was checked.
    let permitPosition: Int64
    private(set) var hasLeft = false
    private let permit: SubscriptionPermit
    private var random: SplitMix64
    private var buffer: ReplayBuffer
    private var state: SubscriptionState
    /// The position after which a read is under way, and the log's end when it was requested.
    private var reading: (after: Int64, end: Int64)?
    private var isWritable = true
    private var lags = false

    init(seed: UInt64, permit: SubscriptionPermit = .rights) {
        self.permit = permit
        random = SplitMix64(state: seed)
        logEnd = .random(in: 0...20, using: &random)
        start = .random(in: 0...logEnd, using: &random)
        buffer = ReplayBuffer(end: Position(rawValue: .random(in: 0...logEnd, using: &random)))
        permitPosition = logEnd
        state = SubscriptionState(
            after: Position(rawValue: start),
            permit: permit,
            asOf: Position(rawValue: permitPosition)
        )
        pump()
    }

    /// Whether the user leaves at a position.
    static func isDeparture(_ position: Int64) -> Bool {
        position.isMultiple(of: 41)
    }

    private static func event(_ position: Int64) -> LiveEvent {
        isDeparture(position) ? .sample(position, leavers: ["ada"]) : .sample(position)
    }

    mutating func step() {
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2:
            logEnd += .random(in: 1...4, using: &random)
            // If a signal is lost, the next one leaves a gap.
            if Int.random(in: 0..<4, using: &random) > 0 { signal() }
        case 3: signal()
        case 4, 5: finishReading()
        case 6:
            reading = nil
            state.finishReading()
            pump()
        case 7:
            isWritable.toggle()
            if isWritable { pump() }
        case 8:
            buffer.trim(toCount: .random(in: 0...6, using: &random), size: .max)
            restartIfOverrun()
        default: trim()
        }
    }

    mutating func finish() {
        repeat {
            isWritable = true
            signal()
            finishReading()
        } while !hasLeft && (state.position.rawValue < logEnd || !state.isLive)
    }

    /// Appends the log's entries to the buffer.
    private mutating func signal() {
        for position in buffer.end.rawValue..<logEnd {
            _ = buffer.append(Self.event(position + 1), at: Position(rawValue: position + 1))
        }
        pump()
    }

    /// Delivers a page of any length, read at any moment since it was requested.
    private mutating func finishReading() {
        guard let reading else { return }
        self.reading = nil
        let end = Int64.random(in: reading.end...logEnd, using: &random)
        let last = min(end, reading.after + .random(in: 1...8, using: &random))
        state.finishReading()
        for position in reading.after..<last {
            // The connection accepts no more: the rest is read again.
            if Int.random(in: 0..<10, using: &random) == 0 { isWritable = false }
            guard isWritable else { break }
            if state.advance(to: Self.event(position + 1)) { sent.append(position + 1) }
        }
        pump()
        trim()
        // A stalled connection may become writable again.
        if !isWritable, Bool.random(using: &random) {
            isWritable = true
            pump()
        }
    }

    private mutating func pump() {
        while isWritable, !restartIfOverrun() {
            switch state.next(buffer) {
            case .send(let event):
                let isNext = state.advance(to: event)
                #expect(isNext)
                sent.append(event.position?.rawValue ?? -1)
            case .caughtUp: caughtUpAt.append(state.position.rawValue)
            case .read(let position):
                #expect(reading == nil)
                reading = (position.rawValue, max(logEnd, buffer.end.rawValue))
            case .left:
                hasLeft = true
                return
            case .wait:
                lags = !state.isLive
                return
            }
        }
        lags = true
    }

    /// Drops what the subscription no longer needs.
    private mutating func trim() {
        buffer.trim(to: lags ? min(buffer.end, state.floor) : buffer.end)
    }

    /// Ends an overrun subscription and restarts it at its position.
    @discardableResult
    private mutating func restartIfOverrun() -> Bool {
        guard state.isOverrun(by: buffer) else { return false }
        if !state.isLive { Issue.record("a subscription that is not live was overrun") }
        state = SubscriptionState(after: state.position, permit: permit, asOf: Position(rawValue: permitPosition))
        reading = nil
        beginnings += 1
        pump()
        return true
    }
}
