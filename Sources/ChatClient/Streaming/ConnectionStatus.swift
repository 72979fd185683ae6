/// How current a client's streams are.
public enum ConnectionStatus: Sendable, Hashable {
    /// Nothing is streamed.
    case idle
    /// The client waits before it connects again, because of the error.
    case offline(ChatError)
    case connecting
    /// What was missed is arriving.
    case catchingUp
    /// Everything has arrived, and what happens now arrives at once.
    case live
}
