#ifndef MIRROR_BASE_TEXT_TEXT_STREAM_H_
#define MIRROR_BASE_TEXT_TEXT_STREAM_H_

#include <ostream>
#include <streambuf>
#include <string>

namespace mirror {

/// What a program says to people: each line goes to `target` with its end, as WrappedLine() makes it. What
/// has no end yet goes when the stream is flushed, as it is. Threads: one.
class TextStream : public std::ostream {
 public:
  explicit TextStream(std::ostream& target);
  ~TextStream() override;

  /// For what is not to be wrapped; all that was written before is there.
  std::ostream& target();

 private:
  class Lines : public std::streambuf {
   public:
    explicit Lines(std::ostream& target) : target_(target) {}
    std::ostream& target() { return target_; }
    void WritePending();

   protected:
    int overflow(int character) override;
    int sync() override;

   private:
    std::ostream& target_;
    std::string line_;
  };

  Lines lines_;
};

/// For tables, JSON, SQL and what is drawn on a terminal: the target of a TextStream; any other stream as it
/// stands.
std::ostream& AsItIs(std::ostream& out);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TEXT_STREAM_H_
