#ifndef MIRROR_BASE_TEXT_TEXT_STREAM_H_
#define MIRROR_BASE_TEXT_TEXT_STREAM_H_

#include <cstddef>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "base/text/terminal.h"

namespace mirror {

/// A word that is coloured if the stream's terminal has colours. Untrusted text is made Printable().
struct Coloured {
  std::string_view text;
  Colour colour = Colour::kNone;
};

/// Start of a line that follows the program's name and is no error.
inline constexpr Coloured kWarningWord{"warning:", Colour::kYellow};

/// A program's output for people: each complete line goes to `target`, as WrappedLine() makes it for the
/// width of `terminal`. An incomplete line is written unchanged when the stream is flushed. Threads: one.
class TextStream : public std::ostream {
 public:
  explicit TextStream(std::ostream& target, const Terminal& terminal = {});
  ~TextStream() override;

  const Terminal& terminal() const { return lines_.terminal(); }
  void Write(const Coloured& word);

  /// Returns the target for text that must not be wrapped; everything written before is flushed.
  std::ostream& target();

 private:
  class Lines : public std::streambuf {
   public:
    Lines(std::ostream& target, const Terminal& terminal) : target_(target), terminal_(terminal) {}
    std::ostream& target() { return target_; }
    const Terminal& terminal() const { return terminal_; }
    /// Gives a colour to the next `bytes` of the line.
    void Mark(std::size_t bytes, Colour colour);
    void WritePending();

   protected:
    int overflow(int character) override;
    int sync() override;

   private:
    struct Marked {
      std::size_t begin, end;
      Colour colour;
    };

    std::string Shown() const;

    std::ostream& target_;
    const Terminal terminal_;
    std::string line_;
    std::vector<Marked> marked_;  ///< Marks of the line, in order.
  };

  Lines lines_;
};

/// For tables, JSON, SQL and drawn output: returns the target of a TextStream; any other stream
/// unchanged.
std::ostream& AsItIs(std::ostream& out);

/// Returns a TextStream's terminal; for other streams that of a file.
Terminal TerminalOf(const std::ostream& out);

/// A stream other than a TextStream gets only the text.
std::ostream& operator<<(std::ostream& out, const Coloured& word);

/// Returns the exit code of `program`: `code`, or 1 if that is 0 and the output could not be written, as on a
/// full disk. Writes the error to `err` and, for 0, that all else succeeded. An ended reader of stdout is not
/// an error.
int ExitCode(int code, std::ostream& out, std::ostream& err, std::string_view program);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TEXT_STREAM_H_
