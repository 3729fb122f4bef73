use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a mutex holds, although somebody may have panicked while holding it: whatever lies behind a mutex here is whole
/// between any two steps.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
