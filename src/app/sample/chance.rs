//! Chance that comes out the same on every machine. Knows nothing of people or lines.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
//! 2014), written out here for two reasons: a library may change what a seed means with any release, and the house
//! keeps real randomness where it enters. It is no source of secrets.

/// A stream of numbers that a seed fixes for good.
#[derive(Debug, Clone)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The stream of one person of one population. Every person has a stream of their own, so that nobody's record
    /// depends on how many people come before or after.
    #[must_use]
    pub fn of(seed: u64, person: u64) -> Self {
        let (mut population, mut member) = (Self { state: seed }, Self { state: person });
        Self { state: population.draw() ^ member.draw().rotate_left(32) }
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to one less than `count`; 0 where `count` is 0. The product keeps the high half, so the
    /// unevenness is at most one part in 2⁶⁴ per value.
    pub fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(count)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included; `low` where `high` is not above it.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let count = u64::try_from(high.saturating_sub(low)).unwrap_or(0) + 1;
        low.saturating_add(i64::try_from(self.below(count)).unwrap_or(0))
    }

    /// True in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several; `choices` is never empty (a test holds every list of this module to it).
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &'a [&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// One of several by weight: the last where the weights are all 0.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let mut left = self.below(choices.iter().map(|(weight, _)| weight).sum());
        let mut at = 0;
        while at + 1 < choices.len() && left >= choices[at].0 {
            left -= choices[at].0;
            at += 1;
        }
        choices[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        let mut chance = Chance { state: 1_234_567 };
        let drawn: Vec<u64> = (0..5).map(|_| chance.draw()).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, published);
    }

    #[test]
    fn bounds_are_met_and_never_passed() {
        let mut chance = Chance::of(1, 1);
        let drawn: Vec<i64> = (0..1_000).map(|_| chance.between(-2, 2)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-2), Some(&2)));
        assert_eq!(chance.between(7, 7), 7);
        assert_eq!(chance.between(7, 6), 7);
        assert!((0..1_000).all(|_| !chance.percent(0) && chance.percent(100)));
        let picked: Vec<u8> = (0..1_000).map(|_| chance.weighted(&[(0, 1), (3, 2), (1, 3)])).collect();
        assert!(!picked.contains(&1) && picked.contains(&2) && picked.contains(&3));
    }
}
