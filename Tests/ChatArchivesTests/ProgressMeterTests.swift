import ChatArchives
import Testing

@Suite struct ProgressMeterTests {
    private let start = ContinuousClock.now

    private func progress(_ entries: Int64) -> ArchiveProgress {
        var progress = ArchiveProgress()
        progress.chats = 2
        progress.entries = entries
        return progress
    }

    @Test func `a terminal shows a bar that is redrawn a few times a second`() {
        var meter = ProgressMeter("Imported", isTerminal: true, at: start)
        #expect(meter.text(progress(10), part: 0.1, at: start + .milliseconds(199)) == nil)
        #expect(meter.interruption == "")
        #expect(
            meter.text(progress(500), part: 0.5, at: start + .milliseconds(500))
                == "\rImported [###############---------------] 50 %, 500 entries, 1000 a second\u{1B}[K"
        )
        #expect(meter.interruption == "\n")
        #expect(meter.text(progress(600), part: 0.6, at: start + .milliseconds(600)) == nil)
        // A file that grows while it is read.
        let full = meter.text(progress(1_000), part: 1.2, at: start + .seconds(1))
        #expect(full?.contains("[##############################] 100 %, ") == true)
        #expect(
            meter.summary(progress(2_000), " (all new)", at: start + .seconds(2))
                == "\r\u{1B}[KImported 2 chats with 2000 entries (all new), 1000 a second\n"
        )
    }

    @Test func `a terminal shows only numbers if the total is unknown`() {
        var meter = ProgressMeter("Imported", isTerminal: true, at: start)
        let text = meter.text(progress(500), part: nil, at: start + .seconds(1))
        #expect(text == "\rImported 500 entries, 500 a second\u{1B}[K")
    }

    @Test func `any other output gets a line every five seconds`() {
        var meter = ProgressMeter("Exported", isTerminal: false, at: start)
        #expect(meter.text(progress(10), part: 0.1, at: start + .seconds(4)) == nil)
        #expect(
            meter.text(progress(500), part: 0.5, at: start + .seconds(5)) == "Exported 500 entries, 100 a second\n"
        )
        #expect(meter.text(progress(600), part: 0.6, at: start + .seconds(9)) == nil)
        #expect(meter.interruption == "")
        let summary = meter.summary(progress(1_000), at: start + .seconds(10))
        #expect(summary == "Exported 2 chats with 1000 entries, 100 a second\n")
    }

    @Test func `one is singular`() {
        var meter = ProgressMeter("Exported", isTerminal: false, at: start)
        var progress = progress(1)
        progress.chats = 1
        #expect(meter.text(progress, part: 0.1, at: start + .seconds(5)) == "Exported 1 entry, 0 a second\n")
        #expect(meter.summary(progress, at: start + .seconds(5)) == "Exported 1 chat with 1 entry, 0 a second\n")
    }
}
