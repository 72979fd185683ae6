extension Duration {
    /// A duration that the server has named: at most a day, since clocks trap on absurd ones.
    static func limited(seconds: Double) -> Duration {
        .seconds(min(max(seconds, 0), 86_400))
    }
}
