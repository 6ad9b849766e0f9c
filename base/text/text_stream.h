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

/// A word that is shown in a colour if the stream's terminal has colours. Use Printable() for untrusted text.
struct Coloured {
  std::string_view text;
  Colour colour = Colour::kNone;
};

/// Word after the program's name in a line that is a warning, not an error.
inline constexpr Coloured kWarningWord{"warning:", Colour::kYellow};

/// A program's output for people. It wraps each complete line with WrappedLine() for the width of `terminal`,
/// and writes it to `target`. When the stream is flushed, an incomplete line is written unchanged. Threads:
/// one.
class TextStream : public std::ostream {
 public:
  explicit TextStream(std::ostream& target, const Terminal& terminal = {});
  ~TextStream() override;

  const Terminal& terminal() const { return lines_.terminal(); }
  void Write(const Coloured& word);

  /// Returns the target, for text that must not be wrapped. Everything that was written before is flushed.
  std::ostream& target();

 private:
  class Lines : public std::streambuf {
   public:
    Lines(std::ostream& target, const Terminal& terminal) : target_(target), terminal_(terminal) {}
    std::ostream& target() { return target_; }
    const Terminal& terminal() const { return terminal_; }
    /// Sets the colour of the next `bytes` bytes of the line.
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

/// Returns the stream for text that must not be wrapped, such as tables, JSON and SQL: the target of a
/// TextStream, or any other stream itself.
std::ostream& AsItIs(std::ostream& out);

/// Returns a TextStream's terminal; for other streams that of a file.
Terminal TerminalOf(const std::ostream& out);

/// Writes a coloured word. A stream other than a TextStream gets only the text.
std::ostream& operator<<(std::ostream& out, const Coloured& word);

/// Returns the exit code of `program`: `code`, or 1 if `code` is 0 and the output could not be written, as on
/// a full disk. It writes the error to `err` and, if `code` is 0, that everything else succeeded. It is not
/// an error if the reader of stdout has ended.
int ExitCode(int code, std::ostream& out, std::ostream& err, std::string_view program);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TEXT_STREAM_H_
