//! Reproducible random numbers: the generator is written out here, so that no update of a crate changes what a seed
//! means.

/// `SplitMix64`.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always roll the same numbers for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// A number of the range, both ends included.
    pub fn between(&mut self, min: i64, max: i64) -> i64 {
        let span = u64::try_from(max - min + 1).unwrap_or(1);
        min + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// True with a probability of `percent` percent.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// An index into a list of this length.
    pub fn pick_index(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.below(length)).unwrap_or(0)
    }

    /// One of the choices.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.pick_index(choices.len())].clone()
    }

    /// One of the choices, each as likely as its weight.
    ///
    /// # Panics
    /// If there are none.
    pub fn weighted<T: Clone>(&mut self, choices: &[(u64, T)]) -> T {
        let mut remaining = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if remaining < *weight {
                return choice.clone();
            }
            remaining -= weight;
        }
        choices[0].1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_produces_known_numbers() {
        let mut dice = Dice::new(1);

        let rolls = [dice.roll(), dice.roll()];

        assert_eq!(rolls, [0x910a_2dec_8902_5cc1, 0xbeeb_8da1_658e_ec67]);
    }

    #[test]
    fn weighted_picks_every_choice_except_those_with_zero_weight() {
        let mut dice = Dice::new(7);
        let rolled: Vec<_> = (0..200)
            .map(|_| dice.weighted(&[(0, 'a'), (3, 'b'), (1, 'c')]))
            .collect();

        assert!(!rolled.contains(&'a') && rolled.contains(&'b') && rolled.contains(&'c'));
    }
}
