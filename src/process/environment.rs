//! The environment of a child: the caller's, with changes.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;

#[derive(Debug, Default)]
pub struct Environment {
    /// Whether the child gets nothing but what is set here.
    is_cleared: bool,
    /// By name; without a value where the variable is removed.
    changes: BTreeMap<OsString, Option<OsString>>,
}

impl Environment {
    pub fn set(&mut self, name: &OsStr, value: &OsStr) {
        self.changes.insert(name.to_owned(), Some(value.to_owned()));
    }

    pub fn remove(&mut self, name: &OsStr) {
        self.changes.insert(name.to_owned(), None);
    }

    pub fn clear(&mut self) {
        self.is_cleared = true;
        self.changes.clear();
    }

    /// The child's strings, where the caller has these variables.
    pub fn strings(&self, of_caller: impl Iterator<Item = (OsString, OsString)>) -> io::Result<Vec<CString>> {
        let kept = of_caller.filter(|(name, _)| !self.is_cleared && !self.changes.contains_key(name));
        let set = self.changes.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        kept.chain(set)
            .map(|(name, value)| {
                let mut text = name.into_vec();
                text.push(b'=');
                text.extend(value.into_vec());
                Ok(CString::new(text)?)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(change: impl FnOnce(&mut Environment)) -> io::Result<Vec<String>> {
        let mut environment = Environment::default();
        change(&mut environment);
        let of_caller = [("HOME", "/"), ("PATH", "/bin"), ("EMPTY", "")];
        let strings = environment.strings(of_caller.iter().map(|&(name, value)| (name.into(), value.into())))?;
        Ok(strings.into_iter().map(|text| text.into_string().expect("it is text")).collect())
    }

    fn os(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    fn the_callers_variables_in_their_order() {
        assert_eq!(strings(|_| {}).unwrap(), ["HOME=/", "PATH=/bin", "EMPTY="]);
    }

    #[test]
    fn changes() {
        let changed = strings(|environment| {
            environment.set(os("PATH"), os("/sbin"));
            environment.set(os("NEW"), os("a=b"));
            environment.set(os("GONE"), os("1"));
            environment.remove(os("GONE"));
            environment.remove(os("HOME"));
        });
        assert_eq!(changed.unwrap(), ["EMPTY=", "NEW=a=b", "PATH=/sbin"]);
    }

    #[test]
    fn clearing_forgets_what_was_set_before() {
        let cleared = strings(|environment| {
            environment.set(os("BEFORE"), os("1"));
            environment.clear();
            environment.remove(os("HOME"));
            environment.set(os("AFTER"), os("2"));
        });
        assert_eq!(cleared.unwrap(), ["AFTER=2"]);
    }

    #[test]
    fn a_nul_is_an_error() {
        assert!(strings(|environment| environment.set(os("A\0B"), os(""))).is_err());
        assert!(strings(|environment| environment.set(os("A"), os("\0"))).is_err());
        assert!(strings(|environment| environment.remove(os("A\0B"))).is_ok());
    }
}
