//! A command line taken apart into words, as the shell would do that it was written for.

use std::{iter::Peekable, str::Chars};

/// The words of the first command of a text.
///
/// # Errors
/// If a quote does not end, or a shell would end the command within its URL.
pub(super) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let is_cmd = ["^\n", "^\r\n", "^\""].iter().any(|mark| text.contains(mark));
    if is_cmd {
        return Ok(split_for_windows(&without_carets(text)));
    }
    // PowerShell joins lines by a backtick.
    let text = text.replace("`\r\n", " ").replace("`\n", " ");
    let mut splitter = Splitter { rest: text.chars().peekable(), words: Vec::new(), word: None, is_file: false };
    splitter.run()?;
    Ok(splitter.words)
}

const OPEN_QUOTE: &str = "with a quote that does not end";
const CUT: &str = "with an & outside of quotes, where a shell ends the command; put the URL in quotes";

/// What a POSIX shell does, as far as it matters to `curl`: nothing is expanded.
struct Splitter<'t> {
    rest: Peekable<Chars<'t>>,
    words: Vec<String>,
    word: Option<String>,
    /// The next word is the file that an input or output goes to.
    is_file: bool,
}

impl Splitter<'_> {
    fn run(&mut self) -> Result<(), &'static str> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escaped(),
                '\'' => self.single_quoted()?,
                '"' => self.double_quoted()?,
                '$' if self.rest.next_if_eq(&'\'').is_some() => self.ansi_quoted()?,
                '>' | '<' => self.redirection(),
                '&' if self.is_file && self.word.is_none() => {}
                '&' if self.rest.next_if_eq(&'>').is_some() => self.redirection(),
                '&' if self.is_cut_short() => return Err(CUT),
                '|' | ';' | '&' => break,
                '#' if self.word.is_none() => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '\n' if !self.goes_on() => break,
                c if c.is_whitespace() => self.end_word(),
                c => self.push(c),
            }
        }
        self.end_word();
        Ok(())
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !std::mem::take(&mut self.is_file)
        {
            self.words.push(word);
        }
    }

    /// A line ends the command, unless options follow: the backslashes may have been lost.
    fn goes_on(&mut self) -> bool {
        self.end_word();
        let mut ahead = self.rest.clone();
        self.words.len() < 2 || ahead.find(|c| !c.is_whitespace()) == Some('-')
    }

    /// `https://a/?b=c&d=e`, not `command & other`.
    fn is_cut_short(&mut self) -> bool {
        self.word.is_some() && self.rest.peek().is_some_and(|next| !next.is_whitespace() && *next != '&')
    }

    /// `> file`, `2> file`: the number is no word.
    fn redirection(&mut self) {
        if self.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        while self.rest.next_if(|c| matches!(c, '>' | '<' | '|')).is_some() {}
        self.is_file = true;
    }

    fn escaped(&mut self) {
        match self.rest.next() {
            Some('\n') => {}
            Some('\r') if self.rest.next_if_eq(&'\n').is_some() => {}
            Some(c) => self.push(c),
            None => {}
        }
    }

    fn single_quoted(&mut self) -> Result<(), &'static str> {
        let word = self.word.get_or_insert_default();
        loop {
            match self.rest.next().ok_or(OPEN_QUOTE)? {
                '\'' => return Ok(()),
                c => word.push(c),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<(), &'static str> {
        let word = self.word.get_or_insert_default();
        loop {
            match self.rest.next().ok_or(OPEN_QUOTE)? {
                '"' => return Ok(()),
                '\\' => match self.rest.next().ok_or(OPEN_QUOTE)? {
                    '\n' => {}
                    c @ ('"' | '\\' | '$' | '`') => word.push(c),
                    c => word.extend(['\\', c]),
                },
                c => word.push(c),
            }
        }
    }

    /// `$'…'`, in which browsers write what is unusual.
    fn ansi_quoted(&mut self) -> Result<(), &'static str> {
        let word = self.word.get_or_insert_default();
        loop {
            let c = match self.rest.next().ok_or(OPEN_QUOTE)? {
                '\'' => return Ok(()),
                '\\' => match self.rest.next().ok_or(OPEN_QUOTE)? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => code(&mut self.rest, 4),
                    'U' => code(&mut self.rest, 8),
                    'x' => code(&mut self.rest, 2),
                    c => c,
                },
                c => c,
            };
            word.push(c);
        }
    }
}

/// The character of at most so many hexadecimal digits.
fn code(rest: &mut Peekable<Chars>, most: usize) -> char {
    let digits: String = std::iter::from_fn(|| rest.next_if(char::is_ascii_hexdigit)).take(most).collect();
    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// What `cmd.exe` hands to the program: a caret takes the meaning from what is behind it, but within quotes.
fn without_carets(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut is_quoted = false;
    while let Some(c) = rest.next() {
        match c {
            '^' if !is_quoted => {
                _ = rest.next_if_eq(&'\r');
                line.extend(rest.next().filter(|c| *c != '\n'));
            }
            '&' | '|' | '>' if !is_quoted => break,
            c => {
                is_quoted ^= c == '"';
                line.push(c);
            }
        }
    }
    line
}

/// What a program of Windows makes of its command line.
fn split_for_windows(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars().peekable();
    let mut is_quoted = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => word.get_or_insert_default().push_str(&backslashes(&mut rest)),
            '"' => {
                is_quoted = !is_quoted;
                _ = word.get_or_insert_default();
            }
            c if c.is_whitespace() && !is_quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What a run of backslashes stands for, the first of which is read: before a quote every second one takes the meaning from
/// what is behind it, elsewhere none does.
fn backslashes(rest: &mut Peekable<Chars>) -> String {
    let mut run = "\\".to_owned();
    run.extend(std::iter::from_fn(|| rest.next_if_eq(&'\\')));
    if rest.peek() != Some(&'"') {
        return run;
    }
    let is_escaped = run.len() % 2 == 1;
    let mut text = run.split_off(run.len().div_ceil(2));
    text.extend(rest.next_if(|_| is_escaped));
    text
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_those_of_the_shell_that_the_line_was_written_for() {
        for (line, words) in [
            ("a 'b \\' \"c \\\" \\d\" e\\ f ''", &["a", "b \\", "c \" \\d", "e f", ""][..]),
            ("a $'b\\'\\n\\u00e9\\x41g' $x", &["a", "b'\n\u{e9}Ag", "$x"]),
            ("a b\\\r\nc # d 'e", &["a", "bc"]),
            ("a 1 2>&1 >b &>c d", &["a", "1", "d"]),
            ("a b\nc", &["a", "b"]),
            ("a ^\"b ^\\^\"c^\" ^\n\"d\\\\\" e\\f", &["a", "b \"c", "d\\", "e\\f"]),
            ("a ^\"\\\\^\\^\"^\" ^& b & c", &["a", "\\\"", "&", "b"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for line in ["a 'b", "a \"b", "a $'b", "a b&c"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
