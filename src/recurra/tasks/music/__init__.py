"""Music: pieces as steps of sounding keys → a model that composes more of them.

    model = train("songs/")                                  a folder of MIDI files; a run in runs/songs-1
    piece = model.compose("start.mid", length=16, unit="bars", seed=1)
    piece.save("new.mid"); piece.save("new.wav"); piece.draw("new.png")
    evaluate(model, "chorales.json")                         nats a step

    form, piece  how a roll is meant, a piano roll  midi, midi_file, sound   files of notes, files of sound
    sources  files and folders → pieces, in parts   chord          which keys sound together: two heads
    model, task, estimator, compose                 the model, its training, its playing

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "CompositionConfig MusicConfig MusicDataConfig settings",
        "form": "Form",
        "piece": "Piece",
        "picture": "draw",
        "sources": "Pieces read",
        "midi": "read_midi",
        "model": "MusicModel",
        "measure": "evaluate",
        "estimator": "MusicEstimator",
        "api": "load resume train",
    },
)
