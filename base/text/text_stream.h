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

/// A word that is shown in a colour where the stream's terminal has colours. Text of others is Printable().
struct Coloured {
  std::string_view text;
  Colour colour = Colour::kNone;
};

/// How a line goes on, behind the program's name, that is no error.
inline constexpr Coloured kWarningWord{"warning:", Colour::kYellow};

/// What a program says to people: each line goes to `target` with its end, as WrappedLine() makes it for the
/// width of `terminal`. What has no end yet goes when the stream is flushed, as it is. Threads: one.
class TextStream : public std::ostream {
 public:
  explicit TextStream(std::ostream& target, const Terminal& terminal = {});
  ~TextStream() override;

  const Terminal& terminal() const { return lines_.terminal(); }
  void Write(const Coloured& word);

  /// For what is not to be wrapped; all that was written before is there.
  std::ostream& target();

 private:
  class Lines : public std::streambuf {
   public:
    Lines(std::ostream& target, const Terminal& terminal) : target_(target), terminal_(terminal) {}
    std::ostream& target() { return target_; }
    const Terminal& terminal() const { return terminal_; }
    /// The next `bytes` of the line have this colour.
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
    std::vector<Marked> marked_;  ///< Of the line, in their order.
  };

  Lines lines_;
};

/// For tables, JSON, SQL and what is drawn on a terminal: the target of a TextStream; any other stream as it
/// stands.
std::ostream& AsItIs(std::ostream& out);

/// That of a TextStream; of any other stream as a file has it.
Terminal TerminalOf(const std::ostream& out);

/// Any stream but a TextStream takes the text alone.
std::ostream& operator<<(std::ostream& out, const Coloured& word);

/// The exit code of `program`: `code`, or 1 where that is 0 and what was printed could not be written, as on
/// a full disk. `err` is told so, and of 0 that all else was done. A reader of stdout that has ended misses
/// nothing.
int ExitCode(int code, std::ostream& out, std::ostream& err, std::string_view program);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TEXT_STREAM_H_
