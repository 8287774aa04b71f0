"""Speech recognition: recordings and their texts → a model that writes down what they say.

    model = Transcriber().fit([("a.wav", "one two"), ("b.flac", "three")])
    model.transcribe("c.wav")                    "two three"
    model.transcript("c.wav").words              each word with its times
    stream = model.stream(rate=16000)            sound in pieces: stream.feed(samples) → the text so far

Log-mel features → stacked frames → recurrent layers → lookahead → connectionist temporal classification.
Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "SpeechConfig SpeechDataConfig settings",
        "decode": "Spike Transcript Word",
        "features": "LogMel",
        "manifest": "read_manifest",
        "measure": "character_error_rate edit_distance word_error_rate",
        "mix": "join",
        "model": "SpeechModel",
        "resample": "Resampler",
        "stream": "Stream",
        "transcriber": "Transcriber",
    },
)
